"""Every reply that is described in the cases, sent by a real server: what the role makes of it, and what the screen says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.prompted.designer import ChatDesigner
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import CandidateFault, ModelError
from ouroloop.protocols.messages import PatchProposal, RewardProposal
from ouroloop.rewards.language import compile_spec, parse
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import TASK, patch_request, reward_request
from tests.agents.replies import Server, cases, of_case

KNOWN = [pytest.param(case, id=case["id"]) for case in cases()]


@pytest.mark.parametrize("case", KNOWN)
def test_a_reply_has_the_outcome_that_it_deserves(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(of_case(case)) as server:
        config = ChatConfig(model="openai:scripted", base_url=server.url, retries=1, timeout_s=20)
        if case["role"] == "patch":
            outcome, reason = outcome_of(ChatPatcher(config), patch_request(count=1))
        else:
            outcome, reason = outcome_of(ChatDesigner(config), reward_request(count=1))
    assert outcome == case["should"], reason
    assert reason or outcome == "pass"
    assert "\n" not in reason


def outcome_of(role: Any, request: Any) -> tuple[str, str]:
    try:
        reply = asyncio.run(role.act(request))
    except ModelError as error:
        return "fail", str(error)
    assert len(reply.proposals) == 1
    try:
        screened(reply.proposals[0])
    except CandidateFault as fault:
        return "refuse", fault.reason
    return "pass", ""


def screened(proposal: PatchProposal | RewardProposal) -> None:
    if proposal.fault is not None:
        raise CandidateFault("text", proposal.fault)
    if isinstance(proposal, RewardProposal):
        compile_spec(parse(proposal.spec), TASK.features)
    else:
        static_screen(proposal.text, SnakeTask().start_controller)
