"""Whatever roles, replies, names and files say reaches the terminal as visible text, and none of it is markup."""

from __future__ import annotations

import io
import json
import logging
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table

from ouroloop.cli.main import call
from ouroloop.protocols.text import hidden, shell_word
from ouroloop.runs.recipe import recipe_toml
from ouroloop.streams import PlainFormatter, escaped
from ouroloop.terminal import Plain, cell, say, say_lines, show
from tests.cli.fuzz_text import check, texts
from tests.cli.hostile import SPELL
from tests.runs.small_run import micro

ROLES = Path(__file__).with_name("hostile.py")
SLOTS = {"critic": "Critic", "reward_designer": "Designer", "code_patcher": "Patcher"}
QUICK = (
    "budget.rounds=1", "start.policy=random", "sft.shape.hidden=16", "sft.shape.heads=1", "sft.shape.layers=1",
    "gate.watch_games=8", "gate.search_games=8", "gate.positions=16",
)  # fmt: skip
"""A run of no training and few games."""
VISIBLE = ("[move]", "[/INST]", "[bold red]x[/]", ":smile:", "\\x1b[2J", "\\u202e", "\\x9b31m")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A run whose roles are hostile, in a directory with a hostile name; what `run` said on stdout and stderr."""
    import contextlib

    home = tmp_path_factory.mktemp("hostile")
    settings = [*QUICK, *(f"roles.{slot}.use={ROLES}:{name}" for slot, name in SLOTS.items())]
    (home / "recipe.toml").write_text(recipe_toml(micro(*settings)))
    folder, out, err = home / "[move] \x1b[2J\u202erun", io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert call(["run", str(home / "recipe.toml"), "--run-dir", str(folder)]) == 0
    return folder, out.getvalue(), err.getvalue()


def safe(*texts: str) -> None:
    for text in texts:
        assert [char for char in text if hidden(char)] == []


def test_the_run_itself_says_it_visibly(told: tuple[Path, str, str]) -> None:
    _, out, err = told
    safe(out, err)
    assert "[move]" in out
    assert "\\x1b[2J\\u202erun" in out


@pytest.mark.parametrize("columns", ["60", "80", "100", "200", None])
def test_every_command_that_reads_the_run_says_it_visibly(
    columns: str | None, told: tuple[Path, str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    folder = told[0]
    assert call(["show", str(folder), "--json"]) == 0
    ids = [c["id"] for r in json.loads(capsys.readouterr().out)["rounds"] for c in r["candidates"]]
    assert len(ids) == 7
    for command in (["show"], ["show", "--round", "1"], ["list"], *(["show", "--candidate", id] for id in ids)):
        where = folder.parent if command[0] == "list" else folder
        assert call([command[0], str(where), *command[1:]]) == 0
        found = capsys.readouterr()
        safe(found.out, found.err)
        assert "[move]" in found.out
        if "--candidate" in command:
            flat = "".join(found.out.split())
            assert all(part.replace(" ", "") in flat for part in VISIBLE)
        if columns:  # commands to copy are the only lines that may be longer
            assert max((len(line) for line in found.out.splitlines() if "│" in line), default=0) <= int(columns)
        else:
            assert "…" not in found.out
    for a, b in (("start", ids[-1]), (SPELL, ids[0])):
        assert call(["diff", str(folder), a, b]) == 2
        found = capsys.readouterr()
        safe(found.out, found.err)
        assert len(found.err.splitlines()) == 1


def test_a_role_that_fails_and_unknown_names_say_it_visibly(
    told: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    recipe = tmp_path / "r.toml"
    uses = (f"roles.code_patcher.use={ROLES}:Failing", f"roles.critic.use={ROLES}:Critic", "roles.reward_designer.count=0")
    recipe.write_text(recipe_toml(micro(*QUICK, *uses)))
    call(["run", str(recipe), "--run-dir", str(folder)])
    found = capsys.readouterr()
    safe(found.out, found.err)
    assert "[/INST]" in found.err
    shown = SPELL.replace("\x00", "")
    wrong = [
        [shown],
        ["show", shown],
        ["show", str(folder), "--candidate", shown],
        ["run", shown],
        ["eval", "--policy", shown],
        ["screen", shown],
        ["run", str(recipe), "--set", shown],
        ["--" + shown],
    ]
    for arguments in wrong:
        assert call(arguments) == 2
        found = capsys.readouterr()
        safe(found.out, found.err)
        assert "[move]" in found.err
        assert len(found.err.splitlines()) == 1


def test_a_hostile_log_record_is_one_visible_line() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "%s", (SPELL + "\nouroloop: all is well",), None)
    line = PlainFormatter("%(name)s: %(message)s").format(record)
    safe(line)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("runs/a-001", "runs/a-001"),
        ("my runs/a", "'my runs/a'"),
        ("it's", "'it'\"'\"'s'"),
        ("\x1b[2J", "$'\\x1b[2J'"),
        ("a\nb", "$'a\\x0ab'"),
        ("\u202ex y", "$'\\xe2\\x80\\xaex y'"),
    ],
)
def test_a_path_in_a_command_to_copy_is_one_word_of_the_shell(path: str, word: str) -> None:
    import subprocess

    assert shell_word(path) == word
    bash = shutil.which("bash")
    if bash:
        said = subprocess.run([bash, "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
        assert said.decode() == path


def drawn(text: str, width: int) -> str:
    """Return what the terminal gets for a text in every place where one can stand."""
    console = Plain(width=width, file=io.StringIO())
    table = Table("head", text, title=text)
    table.add_row(text, cell(text, "bold"))
    console.print(table)
    console.print(text)
    return str(console.file.getvalue()) + escaped(text)


@given(st.text(st.characters(codec=None), max_size=60) | st.text(alphabet="[]/abm=:\\\x1b\x9b\u202e \n\t", max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_text_at_all_crashes_or_escapes(text: str) -> None:
    safe(drawn(text, 40))


def test_what_is_said_is_complete_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "".join(random.Random(1).choices("abcdefgh", k=700))
    table = Table("a", "b")
    table.add_row(long, long)
    show(table)
    say(long)
    say_lines(f"{long}\n{long}")
    found = capsys.readouterr().out
    assert found.count(long) == 5


@pytest.mark.parametrize("width", [20, 10_000])
def test_random_texts_leave_no_hidden_character_and_lose_no_bracket(width: int) -> None:
    check(texts(2000, width), width)
