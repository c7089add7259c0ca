"""Inputs that once went wrong, and their kin: each has the outcome that its first line names, the same in both sandboxes.

The first line is `# layer: L; expect: WORDS`: the layer that must refuse the input, or an earlier one, or `passed`. A line
`DIFF = ...` holds a reply or a diff of the start controller; without one, the file is the input. `OUROLOOP_CASES` names another
folder of such files.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.contract import check_contract
from ouroloop.sandbox.screen.static import static_screen
from tests.sandbox.hostile import Hostile, hostile

FOLDER = Path(os.environ.get("OUROLOOP_CASES") or Path(__file__).with_name("cases"))
LAYERS = ("text", "bytes", "path", "ast", "bandit", "sandbox", "protocol", "contract")
EITHER = ("accept or ", "reject or ")
"""How the words of a file begin whose outcome is open; it must still be the same in both sandboxes."""
ONE_SIDED = "reject in Docker; WASM"
"""How they begin where the sandboxes differ for a known reason (docs/security.md, budgets)."""
FAST_S = 10.0
"""Processor time that the static layers may take on any input, and what `within a second` says."""
TASK = SnakeTask(size=6)
POSITIONS = TASK.positions(0, 64).observations()
LOGITS = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
CASES = hostile(FOLDER)
IDS = [case.name for case in CASES]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    """The verdict of the first sandbox on each case."""
    return {}


def static(case: Hostile) -> tuple[str, str]:
    """Return the static layer that refuses a case, or "" and the source."""
    try:
        return "", static_screen(case.diff or case.text, TASK.start_controller).source
    except CandidateFault as fault:
        return fault.layer, ""


def verdict(sandbox: Sandbox, case: Hostile) -> str:
    """Return the layer that refuses a case, or "passed"."""
    layer, source = static(case)
    if layer:
        return layer
    try:
        check_contract(sandbox, source, POSITIONS, LOGITS)
    except CandidateFault as fault:
        return fault.layer
    return "passed"


def allowed(case: Hostile, sandbox: str) -> set[str]:
    """Return the outcomes that a case's first line allows."""
    if case.expect.startswith(EITHER) or (case.expect.startswith(ONE_SIDED) and sandbox == "wasm"):
        return {*LAYERS, "passed"}
    return {"passed"} if case.layer == "passed" else set(LAYERS[: LAYERS.index(case.layer) + 1])


def test_the_cases_are_there() -> None:
    assert len(CASES) >= 100 or "OUROLOOP_CASES" in os.environ
    assert CASES


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_outcome_is_the_one_named_and_the_same_in_both(box: Sandbox, case: Hostile, verdicts: dict[str, str]) -> None:
    found = verdict(box, case)
    assert found in allowed(case, box.name), (case.layer, case.expect)
    if not case.expect.startswith(ONE_SIDED):
        assert verdicts.setdefault(case.name, found) == found


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_static_layers_are_quick(case: Hostile) -> None:
    static(CASES[0])  # the first use loads the linter
    start = process_time()
    static(case)
    assert process_time() - start < FAST_S
