"""Whose candidate a candidate is: an accepted pair counts for the author of its patch and for that of its reward."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ouroloop.bench.gate.arena import arena, controller
from ouroloop.ledger.steps.propose import Proposed, answered, candidates
from ouroloop.protocols.records import Candidate, Effect, Verdict
from ouroloop.runs.context import Run
from ouroloop.runs.phases.propose import tried
from ouroloop.runs.proposers.credit import credit_by_proposer

PATCH = Candidate("r1-patch1", "patcher", "", "code", proposer="patch")
PAIR = Candidate("r1-both1", "designer", "", "code", "{}", proposer="reward", answers=PATCH.id)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with arena(tmp_path / "run", controller(), seed=7) as opened:
        candidates(1).record(opened.ledger, {}, Proposed((PATCH,)))
        answered(1).record(opened.ledger, {}, Proposed((PAIR,)))
        opened.decide(1, PAIR, Verdict("accepted", "gate", "better", Effect(0.2, 0.1, 0.3, 48)))
        opened.reject(1, PATCH, "gate", "accepted in this round already, as a part of another candidate")
        yield opened


def test_both_authors_of_a_pair_share_its_gain(run: Run) -> None:
    found = {one.name: (one.accepted, one.gain) for one in credit_by_proposer(run.ledger, run.recipe)}
    assert found == {"reward": (1, 0.1), "patch": (1, 0.1)}


def test_a_proposer_reads_which_candidates_are_its_own(run: Run) -> None:
    def own(kind: str, proposer: str) -> list[bool]:
        return [one.own for one in tried(run, 2, kind, proposer)]

    assert own("patch", "patch") == [True, True]
    assert own("patch", "patch.2") == [False, False]
    assert own("reward", "reward") == [True]
