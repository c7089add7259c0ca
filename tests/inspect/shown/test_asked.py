"""What a run says of the roles that it asked, of what they lost, and of those that it did not ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ouroloop.inspect.shown.asked import asked_lines, troubled_lines
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import AskedRole, Proposed, UnaskedRole, candidates
from ouroloop.protocols.messages import Lost
from ouroloop.protocols.records import Candidate
from ouroloop.runs.phases.propose import fruitless, silent

CRITIC = AskedRole("search-critic", "critic", "critic.diagnose", 1, 1, (), 0, 0.0)
DEAD = AskedRole("chat-patcher", "code_patcher", "patch.propose", 4, 0, (Lost(reason="no reply within 5 s"),), 0, 0.0)
HALF = AskedRole(
    "chat-patcher", "code_patcher", "patch.propose", 4, 1, (Lost(reason="prose", text="I \x1b[2J muse"),) * 3, 360, 0.01
)
CUT = AskedRole("chat-patcher", "code_patcher", "patch.propose", 12, 4, (), 360, 0.0, "the model was asked for 4 of 12")
LEFT = UnaskedRole("search-designer", "reward_designer", "reward.design", "mode bug_fix asks code_patcher alone", "set it")
FOUND = (Candidate("r1-patch1", "chat-patcher", "", patch="x"),)


def entry(*asked: dict[str, Any], not_asked: tuple[dict[str, Any], ...] = ()) -> Any:
    return {"index": 0, "asked": list(asked), "not_asked": list(not_asked)}


def as_document(one: AskedRole) -> dict[str, Any]:
    lost = [{"reason": gone.reason, "text": gone.text} for gone in one.lost]
    return {name: getattr(one, name) for name in AskedRole.__slots__} | {"lost": lost}


def test_a_round_tells_who_was_asked_for_how_many_and_why_replies_were_lost() -> None:
    left = {name: getattr(LEFT, name) for name in UnaskedRole.__slots__}
    shown = entry(as_document(CRITIC), as_document(HALF), not_asked=(left,))
    assert asked_lines(shown) == [
        "critic (search-critic): asked for 1, answered 1",
        "code_patcher (chat-patcher): asked for 4, answered 1, 3 lost, 360 tokens, 0.0100 USD",
        "  lost 3 times: prose",
        "reward_designer (search-designer): not asked, mode bug_fix asks code_patcher alone; set it",
    ]
    assert "  lost text: I \\x1b[2J muse" in asked_lines(shown, texts=True)
    assert [line for line in troubled_lines({"rounds": [shown]}) if "critic" in line] == []
    assert troubled_lines({"rounds": [shown]})[0].startswith("round 0: code_patcher (chat-patcher): asked for 4")


def test_a_role_says_itself_why_its_reply_is_short() -> None:
    lines = ["code_patcher (chat-patcher): asked for 12, answered 4, 360 tokens", "  note: the model was asked for 4 of 12"]
    assert asked_lines(entry(as_document(CUT))) == lines
    assert troubled_lines({"rounds": [entry(as_document(CUT))]}) == [f"round 0: {line}" for line in lines]  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("rounds", "nothing", "mute"),
    [
        (
            [Proposed((), (CRITIC, DEAD))] * 2,
            True,
            ["code_patcher (chat-patcher) was asked in 2 rounds and never answered: no"],
        ),
        ([Proposed((), (CRITIC, DEAD)), Proposed(FOUND, (CRITIC, HALF))], False, []),
        ([Proposed((), (CRITIC,), (LEFT,))], True, []),
        ([Proposed((), (CRITIC,))], False, []),  # the recipe wants no proposals
        ([Proposed(FOUND)], False, []),
        ([], False, []),
    ],
)
def test_a_run_in_which_nothing_was_proposed_is_known(
    rounds: list[Proposed], nothing: bool, mute: list[str], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    for number, proposed in enumerate(rounds):
        candidates(number).record(ledger, {}, proposed)
        assert candidates(number).read(ledger) == proposed
    assert fruitless(ledger) is nothing
    assert len(silent(ledger)) == len(mute)
    assert all(line.startswith(start) for line, start in zip(silent(ledger), mute, strict=True))
