"""Copies are one candidate: neither comments nor the names of terms make another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ouroloop.bench.gate.arena import arena, controller, propose
from ouroloop.ledger.steps.propose import Proposed, candidates
from ouroloop.ledger.steps.screen import Screening
from ouroloop.protocols.records import Candidate, RewardSpec, RewardTerm
from ouroloop.runs.context import Run
from ouroloop.runs.phases import screen as screen_phase
from ouroloop.runs.phases.gate import gate
from ouroloop.runs.phases.twins import Twins, bare_code, bare_spec

START = {"SLIPS": 150, "STUMBLES": 100}
ACT = "def act(observation, logits):\n    return 0\n"
SAME = (
    ACT,
    '"""Plays."""\n\n' + ACT,
    ACT.replace("return", "# up\n    return"),
    ACT.replace(":\n", ':\n    """Go up."""\n'),
    ACT.replace("(observation, logits)", "( observation,logits )"),
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with arena(tmp_path / "run", controller(**START), seed=7) as opened:
        yield opened


def test_comments_layout_and_docstrings_do_not_make_another_code() -> None:
    assert len({bare_code(source) for source in SAME}) == 1
    assert bare_code(ACT) != bare_code(ACT.replace("0", "1"))


def test_names_and_layout_do_not_make_another_reward() -> None:
    def spec(name: str, expr: str, weight: float = 1.0) -> list[object]:
        return bare_spec(RewardSpec(terms=(RewardTerm(name=name, expr=expr, weight=weight),)))

    assert spec("a", "ate + died") == spec("b", " ate+ (died)")
    assert spec("a", "ate + died") != spec("a", "ate - died")
    assert spec("a", "ate") != spec("a", "ate", weight=2.0)


def test_neither_order_nor_terms_of_no_weight_make_another_reward() -> None:
    one, two = RewardTerm(name="a", expr="ate", weight=1.0), RewardTerm(name="b", expr="died", weight=-1.0)
    none = RewardTerm(name="c", expr="approach", weight=0.0)
    assert bare_spec(RewardSpec(terms=(one, two))) == bare_spec(RewardSpec(terms=(two, none, one)))
    assert bare_spec(RewardSpec(terms=(one, two))) != bare_spec(RewardSpec(terms=(one, two, two)))


def test_the_reward_in_use_is_refused_under_other_names_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = (RewardTerm(name="a", expr="ate", weight=1.0), RewardTerm(name="b", expr="died", weight=-1.0))
    monkeypatch.setattr(type(run), "reward", lambda *_: RewardSpec(terms=terms))
    monkeypatch.setattr("ouroloop.rewards.screen.screen_spec", lambda *_: None)
    again = RewardSpec(terms=tuple(term.model_copy(update={"name": f"other_{term.name}"}) for term in reversed(terms)))
    candidate = Candidate("r1-reward1", "copier", "", reward=again.model_dump_json())
    found = screen_phase.screening(run, candidate, lambda: None)  # type: ignore[arg-type, return-value]
    assert (found.outcome, found.layer, found.reason) == ("rejected", "schema", "the incumbent's own reward")


def screened(run: Run, monkeypatch: pytest.MonkeyPatch, round: int, sources: list[str]) -> list[Candidate]:
    """Let the phase screen patches that all its layers pass; return those still in."""
    found = tuple(Candidate(f"r{round}-patch{i}", "copier", "", text) for i, text in enumerate(sources, 1))
    run.step(candidates(round), {}, lambda: Proposed(found))

    def passed(run: Run, candidate: Candidate, _: object) -> Screening:
        assert candidate.patch is not None
        return Screening("passed", controller=run.store.put_text(candidate.patch))

    monkeypatch.setattr(screen_phase, "screening", passed)
    screen_phase.screen(run, round)
    return run.undecided(round)


def test_of_five_copies_one_goes_on_and_the_others_name_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ACT.replace("0", "1")
    left = screened(run, monkeypatch, 0, [*SAME, other])
    assert [c.id for c in left] == ["r0-patch1", "r0-patch6"]
    gone = run.verdict(0, run.candidates(0)[1])
    assert (gone.outcome, gone.layer, gone.reason) == ("rejected", "ast", "the same code as r0-patch1")


def test_a_patch_that_lost_its_race_against_this_incumbent_does_not_race_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse, better = controller(**{**START, "SLIPS": 300}), controller(**{**START, "SLIPS": 0})
    propose(run, 1, [worse])
    gate(run, 1)
    assert run.verdict(1, run.candidates(1)[0]).layer == "gate"
    again = "# once more\n" + worse
    assert screened(run, monkeypatch, 2, [again]) == []
    reason = run.verdict(2, run.candidates(2)[0]).reason
    assert reason == "the same code as r1-patch1, which lost its race against this incumbent"
    propose(run, 3, [better])
    gate(run, 3)
    assert run.verdict(3, run.candidates(3)[0]).outcome == "accepted"
    assert len(screened(run, monkeypatch, 4, [again])) == 1  # against another incumbent it may win


def test_one_that_lost_to_a_better_patch_may_race_again(run: Run) -> None:
    propose(run, 1, [controller(**{**START, "SLIPS": 0}), controller(**{**START, "SLIPS": 300})])
    gate(run, 1)
    assert "accepted" in {run.verdict(1, c).outcome for c in run.candidates(1)}
    assert Twins(run, 2)._seen == {}
