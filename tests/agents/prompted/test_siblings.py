"""Several replies to one question: an odd one is refused or lost by itself, and the others stay."""

from __future__ import annotations

import asyncio
import json

import pytest

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.prompted.designer import ChatDesigner, DesignerConfig
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.protocols.messages import TEXT, RewardReply
from tests.agents.fixtures import patch_request, reward_request
from tests.agents.prompted.test_agent import Scripted

SPEC = {"terms": [{"name": "a", "expr": "approach", "weight": 0.5, "clip": 1.0}], "gamma_r": 0.2}
PLAIN = json.dumps(SPEC)
SPACE = {"terms": [{**SPEC["terms"][0], "weight": [0.1, 0.9]}], "gamma_r": [0.1, 0.3]}  # type: ignore[index]
CODE = "```python\ndef act(observation, logits):\n    return 0\n```"


def designed(*texts: str, count: int, space: bool = False) -> RewardReply:
    role = ChatDesigner(DesignerConfig(model="openai:x", space=space))
    role.chat = Scripted(*texts)
    return asyncio.run(role.act(reward_request(count=count, mode="meta_learn")))


@pytest.mark.parametrize(
    "odd",
    [
        '{"terms": [...], "gamma_r": 0.2}',
        '{"terms": [{"progress", "idle"}]}',
        "{'terms': 1j}",
        "{'terms': b'x'}",
        "{'terms': {(1, 2): 3}}",
        json.dumps(SPACE),
        '{"terms": [' + '{"a": ' * 300 + "1" + "}" * 300 + "]}",
    ],
)
def test_an_odd_reward_takes_no_other_along(odd: str) -> None:
    reply = designed(PLAIN, odd, PLAIN, count=3)
    assert [one.place for one in reply.proposals] == [0, 1, 2]
    assert [one.spec for one in reply.proposals[::2]] == [PLAIN] * 2


def test_a_reward_beyond_the_limits_is_lost_alone_with_the_reason() -> None:
    long = json.dumps({**SPEC, "note": "\U0001f40d" * 40_000}, ensure_ascii=False)
    reply = designed(PLAIN, long, PLAIN, count=3)
    assert [one.place for one in reply.proposals] == [0, 2]
    assert [f"at most {TEXT} characters" in one.reason for one in reply.lost] == [True]


def test_a_long_reason_is_cut() -> None:
    (proposal,) = designed(json.dumps({**SPACE, "x" * 400: 1}), count=1, space=True).proposals
    assert "the space of rewards is not right" in (proposal.fault or "")


def test_of_a_space_without_ranges_the_one_reward_stays_and_the_others_are_said_to_be_missing() -> None:
    reply = designed(PLAIN, count=4, space=True)
    assert [(one.spec, one.fault) for one in reply.proposals] == [(PLAIN, None)]
    assert "has no ranges: it is taken as one reward, and 3 are missing" in reply.note
    drawn = designed(json.dumps(SPACE), count=4, space=True)
    assert [one.place for one in drawn.proposals] == [0, 1, 2, 3]
    assert drawn.note == designed(PLAIN, count=1, space=True).note == ""


def test_a_patch_that_is_mended_beyond_the_limits_is_lost_alone() -> None:
    fence = "~~~\n" + "`" * 60_000
    role = ChatPatcher(ChatConfig(model="openai:x"))
    role.chat = Scripted(CODE, f"{fence}\n~~~\n{'x' * (TEXT - len(fence) - 20)}", CODE)
    reply = asyncio.run(role.act(patch_request(count=3)))
    assert [one.place for one in reply.proposals] == [0, 2]
    assert [f"at most {TEXT} characters" in one.reason for one in reply.lost] == [True]
