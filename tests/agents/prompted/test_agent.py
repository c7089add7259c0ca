"""The patcher that works in turns: drafts are tried, games are looked at, the best draft is the proposal."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping
from time import process_time
from typing import Any

import pytest

from ouroloop.agents.chat import ChatReply, ContextTooLong, Message
from ouroloop.agents.prompted.agent import AgentConfig, AgentPatcher
from ouroloop.agents.prompted.blocks import outside
from ouroloop.agents.prompted.tools.words import LOOK, ORACLE, SUBMIT
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import TEXT, PatchReply, Trial
from tests.agents.fixtures import FACTS, patch_request

DRAFT = "```python\ndef act(observation, logits):\n    return {}\n```"


SILENCE = "says nothing for a minute"


class Scripted:
    """Answers with fixed texts, one conversation after the other; an error is raised."""

    def __init__(self, *texts: str | Exception, finish: str = "stop") -> None:
        self.texts, self.heard, self.finish = list(texts), [], finish  # type: ignore[var-annotated]

    async def complete(self, messages: list[Message], seed: int, schema: Mapping[str, Any] | None = None) -> ChatReply:
        self.heard.append([dict(message) for message in messages])
        said = self.texts.pop(0)
        if said == SILENCE:
            await asyncio.sleep(60)
        if isinstance(said, Exception):
            raise said
        return ChatReply(said, 10, 10, self.finish)  # type: ignore[arg-type]


class Bench:
    """Gives a draft the utility that its number says, and refuses 9. A trial takes `delay_s`."""

    def __init__(self, delay_s: float = 0.0, more: Mapping[str, object] | None = None) -> None:
        self.tried: list[tuple[int, int, str]] = []
        self.delay_s, self.seconds, self.more = delay_s, 0.0, more or {}

    async def trial(self, place: int, number: int, draft: str) -> Trial:
        self.tried.append((place, number, draft))
        await asyncio.sleep(self.delay_s)
        self.seconds += self.delay_s
        found = draft.split("return ")[1][0]
        if found == "9":
            return Trial(layer="contract", reason="9 is no action")
        facts = FACTS.model_copy(update={"utility": int(found) / 10, "transcripts": (f"game of {found}",), **self.more})
        return Trial(facts=facts, played=64)


def worked(chat: Scripted, bench: Bench | None, turns: int = 4, count: int = 1, timeout_s: float = 60) -> PatchReply:
    role = AgentPatcher(AgentConfig(model="openai:x", turns=turns, timeout_s=timeout_s))
    role.chat, role.workshop = chat, bench
    return asyncio.run(role.act(patch_request(count=count)))


def test_the_best_draft_is_the_proposal_even_if_a_later_one_is_worse() -> None:
    chat, bench = Scripted(DRAFT.format(1), DRAFT.format(3), DRAFT.format(2), "SUBMIT"), Bench()
    (proposal,) = worked(chat, bench).proposals
    assert "return 3" in proposal.text
    assert "in 4 turns; utility 0.300 over 64 search games, 0.060 before" in proposal.rationale
    assert [number for _, number, _ in bench.tried] == [1, 2, 3]
    assert "utility 0.100" in chat.heard[1][-1]["content"]
    assert "best draft so far has utility 0.300" in chat.heard[3][-1]["content"]


def test_a_refused_draft_is_answered_with_layer_and_reason() -> None:
    chat = Scripted(DRAFT.format(9), DRAFT.format(1), "SUBMIT")
    (proposal,) = worked(chat, Bench()).proposals
    assert "refused (layer contract): 9 is no action" in chat.heard[1][-1]["content"]
    assert "return 1" in proposal.text


def test_lost_games_can_be_looked_at() -> None:
    chat = Scripted("LOOK 1", DRAFT.format(2), "I would LOOK.\nLOOK 1", "**SUBMIT**")
    worked(chat, Bench())
    assert "How game 1 was lost:\nH . ." in chat.heard[1][-1]["content"]
    assert "How game 1 was lost:\ngame of 2" in chat.heard[3][-1]["content"]
    assert "There is 1 lost game." in str(worked_with_look(7))


def test_the_oracle_rates_every_move_of_a_lost_game() -> None:
    chat = Scripted("ORACLE 1", DRAFT.format(2), "ORACLE 1", "ORACLE 2", "SUBMIT")
    facts = FACTS.model_copy(update={"regrets": (((1.0, 0.0, 0.25, 0.0), (0.0, 0.0, 0.0, 1.0)),)})
    agent = AgentPatcher(AgentConfig(model="openai:scripted", turns=5))
    agent.chat, agent.workshop = chat, Bench(more={"regrets": (((0.7, 1.0, 1.0, 1.0),),)})
    asyncio.run(agent.act(patch_request(count=1).model_copy(update={"diagnosis": facts})))
    first, second, none = (str(chat.heard[turn][-1]["content"]).split("\n\n")[0].split("\n") for turn in (1, 3, 4))
    assert first[1:] == [
        "position 1: down 0, right 0, left 0.25, up 1",
        "position 2: down 0, left 0, up 0, right 1",
    ]
    assert second == [
        "The oracle's regret of every move in game 1 (0: best, 1: loses at once):",
        "position 1: up 0.7, down 1, left 1, right 1",
    ]
    assert none == ["There is 1 lost game."]


@pytest.mark.parametrize("sees", [True, False])
def test_a_model_that_sees_looks_at_pictures(sees: bool) -> None:
    chat = Scripted("LOOK 1", DRAFT.format(2), "LOOK 1", "LOOK 2", "LOOK 0", "SUBMIT")
    facts = FACTS.model_copy(update={"pictures": ("first",)})
    agent = AgentPatcher(AgentConfig(model="openai:scripted", turns=6, sees=sees))
    agent.chat, agent.workshop = chat, Bench(more={"pictures": ("second",)})
    asyncio.run(agent.act(patch_request(count=1).model_copy(update={"diagnosis": facts})))
    last = [heard[-1]["content"] for heard in chat.heard]
    shown = [[part["image_url"]["url"][-6:] for part in said[1:]] if isinstance(said, list) else [] for said in last]
    assert shown == ([[",first"], [",first"], [], ["second"], [], []] if sees else [[]] * 6)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("LOOK 1", "How game 1"),
        ("Action: LOOK 1", "How game 1"),
        ("LOOK game 1", "How game 1"),
        ("LOOK 1 (the wall)", "How game 1"),
        ("**Look 1**", "How game 1"),
        ("I see.\n\n> `LOOK(1)`", "How game 1"),
        ("ORACLE 1", "These lost games have no oracle."),
        ("Action: ask the ORACLE 1", "holds no draft"),
        ("**Oracle on game 1**", "These lost games have no oracle."),
        ("The oracle: 1", "holds no draft"),
        ("LOOK 1\nORACLE 1", "game of 1\n\nThese lost games"),
        ("Action: SUBMIT", None),
        ("SUBMIT the draft.", None),
        ("**Submit**", None),
        ("I will LOOK 1.", "holds no draft"),
        ("Look 1 move ahead", "holds no draft"),
        ("I could SUBMIT the draft.", "holds no draft"),
        ("If it fails, do not\nsubmit the draft", "holds no draft"),
        ("SUBMIT the draft only if it wins", "holds no draft"),
        ("Like this:\n```\nSUBMIT\n```", "holds no draft"),
        ("- Like this:\n  ```\n  LOOK 1\n  ```", "holds no draft"),
    ],
)
def test_a_word_is_understood_on_a_line_of_its_own(said: str, seen: str | None) -> None:
    chat = Scripted(DRAFT.format(1), said, "SUBMIT")
    worked(chat, Bench(), turns=3)
    assert len(chat.heard) == (2 if seen is None else 3)
    assert seen is None or seen in chat.heard[2][-1]["content"]


@pytest.mark.parametrize(
    "part", ["\n", "LOOK (\n", "Look at ", "SUBMIT the ", "-", "LOOK 3-", "ORACLE on ", "~~~\n", "- x\n  ```\n"]
)
def test_no_word_takes_long(part: str) -> None:
    text = f"LOOK 3{part * (190_000 // len(part))}x"
    start = process_time()
    said = outside(text)
    LOOK.search(said)
    ORACLE.search(said)
    SUBMIT.search(said)
    assert process_time() - start < 20  # about one if the cost grows with the length, minutes if with its square


def worked_with_look(number: int) -> list[Any]:
    chat = Scripted(f"LOOK {number}", "SUBMIT")
    worked(chat, Bench())
    return chat.heard


def test_a_draft_that_was_sent_before_is_not_tried_again_and_other_lines_are_shown() -> None:
    chat, bench = Scripted(DRAFT.format(1), DRAFT.format(1), "SUBMIT"), Bench()
    worked(chat, bench)
    assert [number for _, number, _ in bench.tried] == [1]
    assert "sent this draft before" in chat.heard[2][-1]["content"]
    first, second = (messages[-1]["content"].split("```python")[1] for messages in chat.heard[1:3])
    assert first != second


def test_turns_bound_the_conversation() -> None:
    chat = Scripted(*[DRAFT.format(k) for k in range(9)])
    (proposal,) = worked(chat, Bench(), turns=2).proposals
    assert len(chat.heard) == 2
    assert "return 1" in proposal.text


def test_a_reply_without_any_action_is_told_so_and_never_a_proposal_over_a_draft() -> None:
    chat = Scripted("Well.", DRAFT.format(1), "I am done", "SUBMIT")
    (proposal,) = worked(chat, Bench()).proposals
    assert "holds no draft, no LOOK, no ORACLE and no SUBMIT" in chat.heard[1][-1]["content"]
    assert "return 1" in proposal.text


def test_an_error_after_a_draft_leaves_the_draft_and_one_before_is_a_loss() -> None:
    (proposal,) = worked(Scripted(DRAFT.format(1), ModelError("gone")), Bench()).proposals
    assert "return 1" in proposal.text
    with pytest.raises(ModelError, match="gone"):
        worked(Scripted(ModelError("gone")), Bench())


def test_when_time_is_up_the_best_draft_so_far_is_the_proposal_and_no_draft_is_a_loss() -> None:
    chat = Scripted(DRAFT.format(3), SILENCE, DRAFT.format(1), SILENCE)
    reply = worked(chat, Bench(), turns=3, count=2, timeout_s=0.1)
    assert ["return 3" in one.text for one in reply.proposals] == [True]
    assert [one.reason for one in reply.lost] == ["no draft came within 0.6 s; raise timeout_s"]


def test_the_time_of_trials_does_not_count() -> None:
    chat = Scripted(DRAFT.format(1), DRAFT.format(2), DRAFT.format(3))
    (proposal,) = worked(chat, Bench(delay_s=0.3), turns=3, timeout_s=0.15).proposals
    assert "return 3" in proposal.text


@pytest.mark.parametrize("marks", [5, 7, 9])
def test_edits_are_a_draft_with_as_many_marks_as_the_screen_takes(marks: int) -> None:
    lines = "<" * marks + " SEARCH", "    return 0", "=" * marks, "    return 1", ">" * marks + " REPLACE"
    (proposal,) = worked(Scripted("\n".join(lines)), None).proposals
    assert "return 1" in proposal.text


def test_a_draft_in_an_indented_fence_is_one() -> None:
    chat, bench = Scripted("1. This:\n\n" + textwrap.indent(DRAFT.format(2), "   "), "SUBMIT"), Bench()
    (proposal,) = worked(chat, bench).proposals
    assert [draft for _, _, draft in bench.tried] == [proposal.text]


def test_a_draft_that_becomes_too_long_is_lost_alone() -> None:
    fence = f"~~~\n{'`' * 60_000}\ndef act(observation, logits):\n    return {{}}\n~~~\n"
    long = fence + "x" * (TEXT - len(fence))
    chat = Scripted(long.format(1), DRAFT.format(2))
    answer = worked(chat, None, count=2, turns=1)
    assert [one.place for one in answer.proposals] == [1]
    assert "PatchProposal" in answer.lost[0].reason


def test_a_conversation_that_is_too_long_loses_its_middle() -> None:
    chat = Scripted(DRAFT.format(1), DRAFT.format(2), DRAFT.format(3), ContextTooLong("long"), "SUBMIT")
    (proposal,) = worked(chat, Bench(), turns=4).proposals
    assert "return 3" in proposal.text
    assert [len(messages) for messages in chat.heard] == [2, 4, 6, 8, 6]


def test_without_a_workshop_the_first_draft_is_the_proposal() -> None:
    (proposal,) = worked(Scripted(DRAFT.format(1)), None).proposals
    assert "return 1" in proposal.text


def test_a_cut_off_reply_is_no_draft() -> None:
    (proposal,) = worked(Scripted(DRAFT.format(1), finish="length"), Bench(), turns=1).proposals
    assert "cut off" in (proposal.fault or "")
