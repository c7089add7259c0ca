"""The patcher that works in turns, whose model calls functions: each call is answered, and the best draft is the proposal."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ouroloop.agents.chat import ChatReply, ContextTooLong, Message
from ouroloop.agents.prompted.agent import AgentConfig, AgentPatcher
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import PatchReply
from ouroloop.protocols.records import ToolCall
from tests.agents.fixtures import FACTS, patch_request
from tests.agents.prompted.test_agent import DRAFT, SILENCE, Bench

SUBMIT = ("submit", {})


def draft(number: int) -> tuple[str, dict[str, Any]]:
    return "try_draft", {"patch": DRAFT.format(number)}


class Scripted:
    """Answers with calls, or with a text; an error is raised. A call is a name with its arguments, as a table or as text."""

    def __init__(self, *replies: Any, finish: str = "stop") -> None:
        self.replies, self.finish = list(replies), finish
        self.heard: list[list[Message]] = []
        self.tools: list[Sequence[Mapping[str, Any]]] = []

    async def complete(
        self, messages: list[Message], seed: int, schema: object = None, *, tools: Sequence[Mapping[str, Any]] = ()
    ) -> ChatReply:
        self.heard.append([dict(message) for message in messages])
        self.tools.append(tools)
        said = self.replies.pop(0)
        if said == SILENCE:
            await asyncio.sleep(60)
        if isinstance(said, Exception):
            raise said
        text, calls = (said, []) if isinstance(said, str) else ("", said)
        made = [
            ToolCall(name, given if isinstance(given, str) else json.dumps(given), self.id(place))
            for place, (name, given) in enumerate(calls)
        ]
        return ChatReply(text, 10, 10, self.finish, calls=tuple(made))  # type: ignore[arg-type]

    def id(self, place: int) -> str:
        return f"c{len(self.heard)}{place}"

    def told(self, turn: int) -> str:
        """Return what the last reply before a turn was told."""
        last = max(place for place, message in enumerate(self.heard[turn]) if message["role"] == "assistant")
        return "\n".join(str(message["content"]) for message in self.heard[turn][last + 1 :])


def worked(chat: Scripted, bench: Bench | None, turns: int = 4, count: int = 1, facts: Any = FACTS, **more: Any) -> PatchReply:
    role = AgentPatcher(AgentConfig(model="openai:x", turns=turns, tools="functions", **more))
    role.chat, role.workshop = chat, bench
    return asyncio.run(role.act(patch_request(count=count).model_copy(update={"diagnosis": facts})))


def test_the_best_draft_is_the_proposal_even_if_a_later_one_is_worse() -> None:
    chat, bench = Scripted([draft(1)], [draft(3)], [draft(2)], [SUBMIT]), Bench()
    (proposal,) = worked(chat, bench, turns=9).proposals
    assert "return 3" in proposal.text
    assert "in 4 turns; utility 0.300 over 64 search games, 0.060 before" in proposal.rationale
    assert [number for _, number, _ in bench.tried] == [1, 2, 3]
    assert "utility 0.100" in chat.told(1)
    assert "best draft so far has utility 0.300" in chat.told(3)
    assert "Turns left: 6." in chat.told(3)


def test_functions_are_offered_and_their_answers_are_a_conversation_of_the_protocol() -> None:
    chat = Scripted([("look", {"game": 1}), ("oracle", {"game": 1})], [SUBMIT])
    worked(chat, Bench())
    names = [tool["function"]["name"] for tool in chat.tools[1]]
    assert names == ["try_draft", "look", "oracle", "read_toolkit", "submit"]
    assert chat.tools[0][0]["function"]["parameters"]["required"] == ["patch"]
    assert "`try_draft(patch)`" in str(chat.heard[0][0]["content"])
    *_, asked, first, second = chat.heard[1]
    assert [message["role"] for message in chat.heard[1]] == ["system", "user", "assistant", "tool", "tool"]
    assert asked["tool_calls"] == [
        {"id": f"c1{place}", "type": "function", "function": {"name": name, "arguments": '{"game": 1}'}}
        for place, name in enumerate(("look", "oracle"))
    ]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("c10", "c11")
    assert str(first["content"]).startswith("How game 1 was lost:\nH . .")
    assert str(second["content"]).startswith("These lost games have no oracle.")


def test_what_is_looked_at_is_that_of_the_controller_that_played_last() -> None:
    chat = Scripted([draft(2), ("look", {"game": "1"}), ("oracle", {"game": 1})], [("look", {"game": 7})], [SUBMIT])
    worked(chat, Bench(delay_s=0.05, more={"regrets": (((0.5, 0.0, 0.25, 1.0),),)}))
    assert "How game 1 was lost:\ngame of 2" in chat.told(1)
    assert "position 1: down 0, left 0.25, up 0.5, right 1" in chat.told(1)
    assert "There is 1 lost game." in chat.told(2)


def test_a_refused_draft_is_answered_with_layer_and_reason() -> None:
    chat = Scripted([draft(9)], [draft(1)], [SUBMIT])
    (proposal,) = worked(chat, Bench()).proposals
    assert "refused (layer contract): 9 is no action" in chat.told(1)
    assert "return 1" in proposal.text


def test_the_toolkit_can_be_read() -> None:
    calls = [("read_toolkit", {"name": "legal_moves"}), ("read_toolkit", {}), ("read_toolkit", {"name": "legal_move"})]
    chat = Scripted(calls, [SUBMIT])
    worked(chat, Bench())
    one, every, none = (str(message["content"]) for message in chat.heard[1][3:])
    assert "- legal_moves(observation)" in one
    assert "food_move" not in one
    assert "food_move" in every
    assert "no function legal_move: did you mean legal_moves?" in none


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("try_draft", '{"patch": "def'), "The arguments are no JSON object (Unterminated string"),
        (("try_draft", "[1]"), "no JSON object (found a list)"),
        (("look", "[" * 50_000), "no JSON object"),
        (("look", {"game": "first"}), "valid integer"),
        (("look", {}), "Field required"),
        (("look", {"game": "x" * 50_000}), "Error invoking tool 'look'"),
        (("win_the_game", {}), "win_the_game is not a valid tool, try one of [try_draft, look"),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_with_the_fault_and_costs_a_turn(call: Any, says: str) -> None:
    chat, bench = Scripted([call], [call, draft(1)], [draft(0)], [draft(2)]), Bench()
    (proposal,) = worked(chat, bench, turns=3).proposals
    assert says in chat.told(1)
    assert len(chat.told(1)) < 700
    assert says in chat.told(2)
    assert "The draft passes the screen" in chat.told(2)
    assert len(chat.heard) == 3
    assert "return 1" in proposal.text
    for message in chat.heard[2]:
        for made in message.get("tool_calls", []):  # type: ignore[union-attr]
            assert isinstance(json.loads(made["function"]["arguments"]), dict)  # type: ignore[index, call-overload, arg-type]


def test_a_call_that_was_cut_off_says_so() -> None:
    chat = Scripted([("try_draft", '{"patch": "def')], [SUBMIT], finish="length")
    worked(chat, Bench(), turns=2)
    assert "the reply was cut off after 2048 tokens (max_tokens)" in chat.told(1)


def test_a_reply_with_several_drafts_gets_one_tried() -> None:
    chat, bench = Scripted([draft(1), draft(2)], [draft(1)], [SUBMIT]), Bench(delay_s=0.05)
    (proposal,) = worked(chat, bench).proposals
    assert [(number, draft.count("return 1")) for _, number, draft in bench.tried] == [(1, 1)]
    assert "One draft is tried in a turn" in chat.told(1)
    assert "sent this draft before" in chat.told(2)
    assert "return 1" in proposal.text


def test_turns_bound_the_conversation() -> None:
    chat = Scripted(*[[draft(number)] for number in range(9)])
    (proposal,) = worked(chat, Bench(), turns=2).proposals
    assert len(chat.heard) == 2
    assert "return 1" in proposal.text


def test_a_reply_without_a_call_is_read_for_words_and_else_told_what_to_call() -> None:
    chat, bench = Scripted("Well.", DRAFT.format(2), "LOOK 1", "SUBMIT"), Bench()
    (proposal,) = worked(chat, bench).proposals
    assert "calls no function: call one of try_draft, look, oracle, read_toolkit, submit" in chat.told(1)
    assert [message["role"] for message in chat.heard[1][2:]] == ["assistant", "user"]
    assert "The draft passes the screen" in chat.told(2)
    assert "game of 2" in chat.told(3)
    assert "return 2" in proposal.text
    assert len(chat.heard) == 4


def test_an_error_after_a_draft_leaves_the_draft_and_one_before_is_a_loss() -> None:
    (proposal,) = worked(Scripted([draft(1)], ModelError("gone")), Bench()).proposals
    assert "return 1" in proposal.text
    with pytest.raises(ModelError, match=r"^gone$"):
        worked(Scripted(ModelError("gone")), Bench())


def test_when_time_is_up_the_best_draft_so_far_is_the_proposal_and_no_draft_is_a_loss() -> None:
    worked(Scripted([SUBMIT]), Bench())  # the first conversation imports LangChain, which is no part of the limit
    chat = Scripted([draft(3)], SILENCE, [draft(1)], SILENCE)
    reply = worked(chat, Bench(), turns=3, count=2, timeout_s=0.2)
    assert ["return 3" in one.text for one in reply.proposals] == [True]
    assert [one.reason for one in reply.lost] == ["no draft came within 1.2 s; raise timeout_s"]


def test_a_conversation_that_is_too_long_loses_its_middle() -> None:
    looks = [("look", {"game": 1}), ("look", {"game": 1})]
    chat = Scripted([draft(1)], looks, [draft(3)], ContextTooLong("long"), [draft(2)], [SUBMIT])
    (proposal,) = worked(chat, Bench(), turns=9).proposals
    assert "return 3" in proposal.text
    assert [len(messages) for messages in chat.heard] == [2, 4, 7, 9, 7, 9]
    assert [message["role"] for message in chat.heard[4][2:]] == ["assistant", "tool", "tool", "assistant", "tool"]
    assert "How a game was lost" not in str(chat.heard[4][1])


def test_a_conversation_that_never_fits_keeps_the_draft() -> None:
    chat = Scripted([draft(1)], ContextTooLong("long"), ContextTooLong("long"))
    (proposal,) = worked(chat, Bench()).proposals
    assert "return 1" in proposal.text


def test_without_a_workshop_the_first_draft_is_the_proposal() -> None:
    chat = Scripted([draft(1)], [draft(2)])
    (proposal,) = worked(chat, None).proposals
    assert "return 1" in proposal.text
    assert len(chat.heard) == 1


def test_a_model_that_never_drafts_proposes_nothing_that_can_pass() -> None:
    (proposal,) = worked(Scripted([SUBMIT]), Bench()).proposals
    assert proposal.text == ""
    cut = Scripted("def act(", finish="length")
    assert "cut off" in (worked(cut, Bench(), turns=1).proposals[0].fault or "")


@pytest.mark.parametrize("sees", [True, False])
def test_a_model_that_sees_gets_pictures_after_the_answers(sees: bool) -> None:
    chat = Scripted([("look", {"game": 1}), ("look", {"game": 2})], [("oracle", {"game": 1})], [SUBMIT])
    worked(chat, Bench(), facts=FACTS.model_copy(update={"pictures": ("first",)}), sees=sees)
    roles = [message["role"] for message in chat.heard[1][2:]]
    assert roles == ["assistant", "tool", "tool", *(["user"] if sees else [])]
    if sees:
        content: Any = chat.heard[1][-1]["content"]
        assert content[1]["image_url"]["url"].endswith(",first")
    assert [message["role"] for message in chat.heard[2]][-2:] == ["assistant", "tool"]


def test_ids_of_calls_are_made_up_where_they_are_missing_or_the_same() -> None:
    chat = Scripted([("look", {"game": 1})] * 2, [("look", {"game": 1})], [SUBMIT])
    chat.id = lambda place: "same" if len(chat.heard) == 1 else ""  # type: ignore[method-assign]
    worked(chat, Bench())
    ids = [message["tool_call_id"] for message in chat.heard[2] if message["role"] == "tool"]
    assert ids == ["same", "call_1_1", "call_2_0"]


def test_a_server_that_takes_no_functions_is_told_apart_by_the_roles_settings() -> None:
    assert [AgentConfig(model="openai:x", tools=tools).offers_tools for tools in ("words", "functions")] == [False, True]
    assert AgentConfig(model="openai:x").tools == "words"


def test_langchain_is_imported_at_the_first_question() -> None:
    check = "import sys, ouroloop, ouroloop.cli.main, ouroloop.agents.prompted.agent as a; a.AgentPatcher(a.AgentConfig("
    check += "model='openai:x', tools='functions')); sys.exit(any(m in sys.modules for m in ('langchain', 'langchain_core')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_halves_of_characters_in_arguments_do_no_harm() -> None:
    chat = Scripted(
        [("try_draft", '{"patch": "def act(o, l):\\n    return 1  # \\ud800"}')],
        [("read_toolkit", '{"name": "\\ud800"}')],
        [SUBMIT],
    )
    (proposal,) = worked(chat, Bench()).proposals
    for messages in chat.heard:
        json.dumps(messages, ensure_ascii=False).encode()
    proposal.text.encode()


def test_every_proposal_has_a_conversation_of_its_own() -> None:
    chat, bench = Scripted([draft(1)], [draft(2)], [SUBMIT], [SUBMIT]), Bench()
    reply = worked(chat, bench, count=2)
    assert sorted(place for place, _, _ in bench.tried) == [0, 1]
    assert sorted(one.text.split("return ")[1][0] for one in reply.proposals) == ["1", "2"]
