"""A recipe with `gate.last_look`: undecided candidates are judged by a draw of the run's seed, the same one every time."""

from __future__ import annotations

from pathlib import Path

from ouroloop.bench.gate.arena import arena, controller, propose
from ouroloop.protocols.records import Verdict
from ouroloop.runs.phases.gate import gate


def judged(folder: Path, seed: int, *, last_look: bool) -> list[Verdict]:
    """Return the verdicts on a no-op and a slightly better patch after a very short race at a very loose level."""
    terms = {"alpha": 0.9, "games": 16, "batch": 8, "last_look": last_look}
    with arena(folder, controller(SLIPS=200), seed=seed, **terms) as run:
        propose(run, 0, [controller(SLIPS=200, salt=5), controller(SLIPS=150)])
        gate(run, 0)
        return [run.verdict(0, candidate) for candidate in run.candidates(0)]


def test_the_seed_decides_a_last_look_and_only_if_the_recipe_asks_for_one(tmp_path: Path) -> None:
    looked = []
    for seed in range(10):
        once, again, without = (
            judged(tmp_path / f"{seed}-{name}", seed, last_look=name != "without") for name in ("once", "again", "without")
        )
        assert once == again
        assert not any("last look" in verdict.reason for verdict in without)
        assert sum(v.outcome == "accepted" for v in once) >= sum(v.outcome == "accepted" for v in without)
        looked += [verdict for verdict in once if "last look" in verdict.reason]
    assert looked
    for verdict in looked:
        assert verdict.e_value is not None
        assert verdict.alpha is not None
        assert verdict.e_value < 1 / verdict.alpha
