"""Entry points of strangers: a broken one is listed with its fault, beside the others, and takes nothing down."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ouroloop import sheltered as shelter
from ouroloop.agents.finding import find_role, survey
from ouroloop.cli.main import call
from ouroloop.files import read_regular
from ouroloop.plugins import announced, load
from ouroloop.protocols.errors import UsageError
from ouroloop.sheltered import Fault, sheltered, stdout_aside

BROKEN = {
    "imports-nothing": ("import no_such_module_", "Role", "ModuleNotFoundError: No module named 'no_such_module_'"),
    "is-no-python": ("class Role", "Role", "SyntaxError"),
    "exits": ("raise SystemExit(0)", "Role", "SystemExit: 0"),
    "interrupts": ("raise KeyboardInterrupt", "Role", "KeyboardInterrupt"),
    "raises-strangely": ("class Odd(BaseException): pass\nraise Odd('\\x1b[2J')", "Role", r"Odd: \x1b[2J"),
    "recurses": ("def f(): f()\nf()", "Role", "RecursionError"),
    "has-no-class": ("", "Role", "has no attribute 'Role'"),
    "is-a-number": ("Role = 7", "Role", "has no class, but a int"),
    "is-empty": ("class Role: pass", "Role", "has no name, method, Config"),
    "has-no-place": ("", "", "cannot be loaded"),
    "hangs": ("import time\ntime.sleep(600)", "Role", "did not finish within 1 s"),
    "spins": ("while True: pass", "Role", "did not finish within 1 s"),
    "is-deep": ("class Outer: Role = 3", "Outer.Role", "has no class, but a int"),
    "hides": (
        "class Meta(type):\n    def __getattribute__(self, name): raise SystemExit(9)\nclass Role(metaclass=Meta): pass",
        "Role",
        "SystemExit: 9",
    ),
    "has-an-odd-name": (
        "from ouroloop.agents.search.critic import SearchCritic\nclass Role(SearchCritic): name = '\\x1b[31mred'",
        "Role",
        "no usable name",
    ),
    "has-an-odd-method": (
        "from ouroloop.agents.search.critic import SearchCritic\nclass Role(SearchCritic): method = 'run.everything'",
        "Role",
        "a method other than",
    ),
    "has-an-odd-config": (
        "from ouroloop.agents.search.critic import SearchCritic\nclass Role(SearchCritic): Config = dict",
        "Role",
        "a Config that is no pydantic model",
    ),
}
"""Name of the entry point -> (source of its module, attribute, what its fault says)."""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages that announce broken roles and games, and one sound role that prints as it is imported."""
    monkeypatch.setattr(shelter.sheltered, "__defaults__", (1.0,))
    lines: dict[str, list[str]] = {"ouroloop.roles": [], "ouroloop.tasks": []}
    for name, (source, attribute, _) in BROKEN.items():
        module = f"stranger_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        for group in lines.values():
            group.append(f"{name} = {module}:{attribute}")
    (tmp_path / "stranger_loud.py").write_text(
        "from ouroloop.agents.search.critic import SearchCritic as Role\nprint('I am here')"
    )
    lines["ouroloop.roles"].append("loud = stranger_loud:Role")
    package(tmp_path, "strangers", "".join(f"[{group}]\n" + "\n".join(each) + "\n" for group, each in lines.items()))
    package(tmp_path, "damaged", "[ouroloop.roles]\nno equals sign\n= = =\n\x00\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def package(folder: Path, name: str, points: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)


def test_every_role_is_listed_a_broken_one_with_its_fault(strangers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {role.name: role for role in survey()}
    for name, (_, _, says) in BROKEN.items():
        assert found[name].role is None
        assert says in (found[name].fault or ""), name
    assert found["loud"].role is not None
    assert found["search-critic"].role is not None
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "I am here" in captured.err


def test_the_commands_go_on(strangers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["roles", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["exits"]["fault"].endswith("give an installed role, module:Class or file.py:Class")
    assert rows["search-patcher"] == {
        "name": "search-patcher",
        "method": "patch.propose",
        "where": "ouroloop.agents.search.patcher:SearchPatcher",
        "fault": None,
    }
    assert call(["roles"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert call(["tasks", "--json"]) == 0
    games = {row["name"]: row["fault"] for row in json.loads(capsys.readouterr().out)}
    assert games.keys() == {"snake", *BROKEN}
    assert [name for name, fault in games.items() if fault is None] == ["snake"]


def test_announcements_that_cannot_be_read_are_left_out(strangers: Path) -> None:
    assert "search-critic" in announced("ouroloop.roles")


def test_a_name_that_is_nearly_right_is_told_the_right_one() -> None:
    with pytest.raises(UsageError, match="did you mean search-patcher"):
        find_role("search-pacher")


@pytest.mark.parametrize("raised", [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), MemoryError(), StopIteration()])
def test_whatever_code_of_others_raises_is_a_fault(raised: BaseException) -> None:
    def work() -> None:
        raise raised

    with pytest.raises(Fault, match=type(raised).__name__):
        sheltered(work)


def test_stdout_is_given_back_even_after_blocks_that_overlap(capfd: pytest.CaptureFixture[str]) -> None:
    with stdout_aside():
        print("one")
        with stdout_aside():
            print("two")
        print("three")
    print("four")
    said = capfd.readouterr()
    assert said.out == "four\n"
    assert said.err.split() == ["one", "two", "three"]


SLOW = """
import time
time.sleep(0.5)
class Role: pass
"""


def test_a_file_that_two_threads_import_at_once_runs_once(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load, [f"{path}:Role", f"{path}:Role"])
    assert first is second
    assert load(f"{path}:Role") is first


def test_a_file_that_failed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mended.py"
    path.write_text("raise ValueError('no')")
    with pytest.raises(Fault, match="ValueError: no"):
        load(f"{path}:Role")
    path.write_text("class Role: pass")
    assert isinstance(load(f"{path}:Role"), type)


def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "link", 5) == b"12345"
    assert read_regular(tmp_path / "a", 5, follow=False) == b"12345"
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "link", 5, follow=False)
    with pytest.raises(OSError, match="at most 4"):
        read_regular(tmp_path / "a", 4)
    for odd in ("/dev/zero", str(tmp_path)):
        with pytest.raises(OSError, match=r"no regular file|directory"):
            read_regular(Path(odd), 5)
