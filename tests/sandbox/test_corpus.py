"""The corpus of hostile patches: each is refused at the layer that its first line names, or earlier, in both sandboxes."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.breakout import broken_out
from ouroloop.sandbox.contract import check_contract
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.screen.static import static_screen
from ouroloop.sandbox.wasm.sandbox import SLOWDOWN
from tests.sandbox.hostile import Hostile, corpus

BASE = "def act(observation, logits):\n    return logits.index(max(logits))\n"
REFUSED_AT = {
    "text": {"text"},
    "bytes": {"text", "bytes"},
    "path-check": {"text", "bytes", "path"},
    "diff-parser": {"text", "bytes", "path"},
    "ast": {"text", "bytes", "path", "ast"},
}
"""The layer in a file's first line -> the layers of the screen that may refuse it: that one and earlier ones."""
FITTING = {
    "d01_truncated_hunk": "def act(o, l):\n    return 0\n",
    "d03_overlapping_hunks": "1\n2\n3\nz\na\nb\n",
}
"""The file that a diff's own lines fit, so that what is refused is its trick and not its context; others fit one line `a`."""
ROWS, MANY_ROWS = 64, 1100
BATCHES = 5
"""Frames in which that many rows travel."""


def names(files: list[Hostile]) -> dict[str, object]:
    return {"argvalues": files, "ids": [file.name for file in files]}


def layer_of(text: str, base: str) -> str:
    try:
        static_screen(text, base)
    except CandidateFault as fault:
        return fault.layer if len(fault.reason) <= 300 else "a reason too long for a log"
    return "passed"


def run(sandbox: Sandbox, source: str, rows: int = ROWS) -> str:
    """Return the layer that refuses an unscreened controller, or "answered"."""
    try:
        session = sandbox.open(source)
    except CandidateFault as fault:
        return fault.layer
    try:
        actions = session.act(*bank(rows))
        assert ((actions >= 0) & (actions < 4)).all()
    except CandidateFault as fault:
        return fault.layer
    finally:
        session.close()
    return "answered"


def test_the_corpus_is_there() -> None:
    assert len(corpus(*REFUSED_AT, "protocol", "sandbox", "gate")) >= 103


@pytest.mark.parametrize("file", **names(corpus(*REFUSED_AT)))
def test_the_static_screen_refuses(file: Hostile) -> None:
    texts = [text for text in (file.text, file.diff) if text]
    assert texts
    for text in texts:
        assert layer_of(text, BASE) in REFUSED_AT[file.layer]


@pytest.mark.parametrize("file", **names([file for file in corpus("diff-parser", "path-check") if file.diff]))
def test_a_patch_is_refused_for_its_trick_and_not_for_its_context(file: Hostile) -> None:
    assert file.diff
    assert layer_of(file.diff, FITTING.get(file.name, "a\n")) in REFUSED_AT[file.layer]


@pytest.mark.slow
@pytest.mark.parametrize("file", **names(corpus("protocol", "sandbox")))
def test_an_unscreened_worker_is_refused_and_costs_the_next_nothing(box: Sandbox, file: Hostile) -> None:
    start = monotonic()
    rows = MANY_ROWS if "1000" in file.text else ROWS  # some turn late
    assert run(box, file.text, rows) in ("sandbox", "protocol")
    assert monotonic() - start < longest_s(box)
    healthy(box)


@pytest.mark.slow
@pytest.mark.parametrize("file", **names([f for f in corpus("protocol", "sandbox", "ast") if f.text.isascii()]))
def test_a_worker_whose_own_walls_fell_touches_nothing(box: Sandbox, file: Hostile) -> None:
    before = {path: path.exists() for path in map(Path, ("/tmp/x", "/x", "/worker/x", "/dev/shm/x", "/var/tmp/x"))}
    start = monotonic()
    found = run(box, broken_out(file.text))
    assert found in ("sandbox", "protocol", "answered")
    assert monotonic() - start < longest_s(box)
    if found != "answered":
        healthy(box)
    assert {path: path.exists() for path in before} == before


def longest_s(sandbox: Sandbox) -> float:
    """Return the wall-clock time that any candidate may take here, its worker's start included."""
    limits, slowdown = Limits(), SLOWDOWN if sandbox.name == "wasm" else 1.0
    act_s = limits.deadline_s(limits.budget_s(256, 202), slowdown)
    return limits.start_s / 10 + limits.deadline_s(limits.load_s, slowdown) + BATCHES * act_s


def healthy(sandbox: Sandbox) -> None:
    observations, logits = bank(8)
    session = sandbox.open(GREEDY)
    assert session.act(observations, logits).tolist() == logits.argmax(1).tolist()
    session.close()


@pytest.mark.parametrize("file", **names(corpus("gate")))
def test_what_the_gate_is_to_judge_passes_or_fails_alike(box: Sandbox, file: Hostile) -> None:
    # Known beforehand: what passes both here goes to the gate (tests/runs), which needs games.
    expected = dict.fromkeys(("g03_rare_crash", "g06_state_across_games", "g11_call_counter_switch"), "sandbox")
    expected |= dict.fromkeys(("g05_nondeterministic", "g07_time_dependent"), "ast")
    assert verdict(box, file.text) == expected.get(file.name, "passed")


def verdict(sandbox: Sandbox, text: str) -> str:
    try:
        screened = static_screen(text, BASE)
        check_contract(sandbox, screened.source, *bank(256))
    except CandidateFault as fault:
        return fault.layer
    return "passed"
