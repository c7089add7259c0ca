"""What `import ouroloop` offers: the names, what loading them costs, and what a run's recipe may be made of."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ouroloop
from ouroloop.face import completed
from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.runs.recipe import Recipe, build_recipe, recipe_toml
from tests.runs.scripted_roles import BrokenPatcher, HostilePatcher, NoConfig

PATCHER = "tests.runs.scripted_roles:HostilePatcher"


def in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_loads_nothing_but_the_version() -> None:
    code = "import sys, typing; old = set(sys.modules); import ouroloop; print(sorted(set(sys.modules) - old))"
    assert in_a_fresh_process(code) == "['ouroloop', 'ouroloop.version']"


def test_no_library_tells_its_makers_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import ouroloop; from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    for setting, silent in ((None, "True"), ("0", "False")):
        monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
        if setting is not None:
            monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", setting)
        assert in_a_fresh_process(code) == silent


def test_comparing_loads_no_part_that_it_does_not_need() -> None:
    code = "import ouroloop, sys; ouroloop.compare([0.1]); print([m for m in HEAVY if m in sys.modules])"
    assert in_a_fresh_process(f"HEAVY = ['torch', 'numba', 'langgraph', 'pandas', 'pydantic', 'scipy']; {code}") == "[]"


def test_all_is_what_dir_shows_and_each_name_comes_from_where_type_checkers_see_it() -> None:
    assert dir(ouroloop) == sorted(ouroloop.__all__)
    tree = ast.parse(Path(str(ouroloop.__file__)).read_text(encoding="utf-8"))
    typed = {alias.name: found.module for found in ast.walk(tree) if isinstance(found, ast.ImportFrom) for alias in found.names}
    for name in set(ouroloop.__all__) - {"sandbox"}:
        assert getattr(ouroloop, name) is getattr(import_module(str(typed[name])), name)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'train'; its public names are .*compare"):
        _ = ouroloop.train  # type: ignore[attr-defined]


@pytest.mark.parametrize("before", ["", "import ouroloop.sandbox.choose; ", "from ouroloop import sandbox; "])
def test_the_sandbox_is_a_verb_and_a_folder_in_any_order(before: str) -> None:
    made = "import ouroloop; made = ouroloop.sandbox('auto', None)"
    code = f"{before}{made}; import ouroloop.sandbox.limits as l; print(l.Limits.__name__)"
    assert in_a_fresh_process(code) == "Limits"


def test_a_sandbox_plays_a_controller_and_is_gone_after_the_block() -> None:
    task = ouroloop.make("snake", size=6)
    observations = task.engine(np.arange(3, dtype=np.uint64)).observations()
    logits = np.array([[0, 0, 9, 0], [9, 0, 0, 0], [0, 0, 0, 9]], dtype=np.float32)
    with ouroloop.sandbox("wasm", task) as sandbox:
        session = sandbox.open(task.start_controller)
        assert session.act(observations, logits).tolist() == [2, 0, 3]
    with pytest.raises(CandidateFault):
        session.act(observations, logits)


def test_an_unknown_sandbox_is_refused() -> None:
    with (
        pytest.raises(UsageError, match="no sandbox 'vm'; the kinds are auto, docker, wasm"),
        ouroloop.sandbox(
            "vm",  # type: ignore[arg-type]
            ouroloop.make("snake", size=6),
        ),
    ):
        pass


def test_make_takes_the_settings_of_a_recipe_and_names_the_nearest() -> None:
    observations = ouroloop.make("snake", size=8).engine(np.zeros(1, dtype=np.uint64)).observations()
    assert observations.row(0)["size"] == 8
    with pytest.raises(UsageError, match=r"make: unknown key task.sise; did you mean task.size\?"):
        ouroloop.make("snake", sise=8)
    with pytest.raises(UsageError, match="snak"):
        ouroloop.make("snak")


def test_a_policy_that_is_not_there_is_told_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match=r"did you mean snake-gpt-6x6\?"):
        ouroloop.load_policy("snake-gpt-6")


def test_a_recipe_is_a_file_a_dict_or_a_recipe(tmp_path: Path) -> None:
    tree = {"seed": 5, "task": {"size": 8}, "roles": {"code_patcher": {"count": 2}}}
    recipe, file = build_recipe(tree), tmp_path / "recipe.toml"
    file.write_text(recipe_toml(recipe), encoding="utf-8")
    for given in (tree, recipe, file, str(file)):
        assert completed(given, None, None) == recipe
    with pytest.raises(UsageError, match="found int"):
        completed(5, None, None)  # type: ignore[arg-type]


def test_task_and_roles_replace_what_the_recipe_says_and_leave_it_as_it_was() -> None:
    tree: dict[str, Any] = {"task": {"size": 6, "walls": 0.1}, "roles": {"code_patcher": {"model": "openai:x", "count": 2}}}
    found = completed(tree, {"size": 8}, {"code_patcher": HostilePatcher})
    assert (found.task.own.size, found.task.own.walls) == (8, 0.1)
    assert (found.roles.code_patcher[0].use, found.roles.code_patcher[0].model, found.roles.code_patcher[0].count) == (
        PATCHER,
        None,
        2,
    )
    assert tree["task"]["size"] == 6
    assert tree["roles"]["code_patcher"]["model"] == "openai:x"


@pytest.mark.parametrize("role", [HostilePatcher, PATCHER, {"use": HostilePatcher}, {"use": PATCHER}])
def test_a_role_is_a_class_a_name_or_a_table(role: Any) -> None:
    assert completed({}, "snake", {"code_patcher": role}).roles.code_patcher[0].use == PATCHER


def test_what_a_resumed_run_could_not_make_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(HostilePatcher):
        pass

    with pytest.raises(UsageError, match=r"role code_patcher is a live HostilePatcher.*give its class"):
        completed({}, None, {"code_patcher": HostilePatcher(NoConfig())})
    with pytest.raises(UsageError, match="Local, which a resumed run could not import: define the class at the top"):
        completed({}, None, {"code_patcher": Local})
    monkeypatch.setattr(BrokenPatcher, "__module__", "__main__")
    with pytest.raises(UsageError, match="__main__:BrokenPatcher, which a resumed run could not import"):
        completed({}, None, {"code_patcher": BrokenPatcher})
    with pytest.raises(UsageError, match=r"task is a SnakeTask.*give its settings"):
        completed({}, ouroloop.make("snake", size=6), None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"unknown key roles.code_pacher; did you mean roles.code_patcher"):
        completed({}, None, {"code_pacher": HostilePatcher})


def test_the_recipe_of_the_face_is_the_loops_own() -> None:
    assert ouroloop.Recipe is Recipe
