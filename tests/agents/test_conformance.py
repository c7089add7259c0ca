"""Every shipped role and the example keep to the contract, and the suite notices those that do not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from ouroloop.agents.conformance import check_role, sample_request
from ouroloop.agents.search.critic import SearchCritic
from ouroloop.agents.search.designer import SearchDesigner
from ouroloop.agents.search.patcher import SearchPatcher
from ouroloop.protocols.messages import METHODS, DiagnoseRequest, PatchProposal, PatchReply, PatchRequest
from tests.agents.fixtures import FACTS, TASK, TOOLS, apply, patch_request, play, reward_request

EXAMPLE = Path(__file__).parents[2] / "examples" / "cautious_patcher.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cautious_patcher", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_shipped_roles_conform():
    check_role(SearchCritic, {}, DiagnoseRequest(task="snake", facts=FACTS))
    check_role(SearchDesigner, {"bold": 0.3}, reward_request())
    check_role(SearchPatcher, {}, patch_request())


def test_every_method_has_a_ready_request_that_the_shipped_roles_answer(example):
    for method, (params, _) in METHODS.items():
        assert isinstance(sample_request(method), params)
    assert sample_request("patch.propose", count=1).count == 1
    with pytest.raises(ValueError, match=r"no method 'foo': choose one of .*patch\.propose"):
        sample_request("foo")
    assert check_role(SearchCritic, {}).findings
    assert check_role(SearchDesigner, {}).proposals
    assert check_role(SearchPatcher, {}).proposals
    assert check_role(example.CautiousPatcher, {}).proposals
    compile(sample_request("patch.propose").source, "controller.py", "exec")


def test_the_example_conforms_and_its_patches_play(example, monkeypatch):
    reply = check_role(example.CautiousPatcher, {"without": ["eats"]}, patch_request(count=3))
    assert len(reply.proposals) == 3
    for proposal in reply.proposals:
        play(apply(proposal.text, TASK.start_controller), monkeypatch, games=2)


def test_the_example_guards_what_it_guarded_before(example, monkeypatch):
    tests = [tool.name for tool in TOOLS if tool.kind == "test"]
    once = example.guard(TASK.start_controller, tests[0], 4)
    twice = example.guard(once, tests[1], 4)
    again = example.guard(twice, tests[0], 4)
    assert "def chosen_2(" in twice
    assert again.count(f"import {tests[0]}\n") == 1
    play(again, monkeypatch, games=2)


class Declared:
    """A role that keeps to everything; the ones below break one clause each."""

    name = "declared"
    method = "patch.propose"
    Config = SearchPatcher.Config
    Request = PatchRequest
    Reply = PatchReply

    def __init__(self, config: BaseModel) -> None:
        self.calls = 0

    async def act(self, request: PatchRequest) -> PatchReply:
        return PatchReply(proposals=(PatchProposal(text="x", rationale=""),))


def broken(**members: object) -> type:
    return type("Broken", (Declared,), members)


class Loose(BaseModel):
    """A config that ignores unknown keys."""


count = iter(range(100))


async def differs(self, request):
    return PatchReply(proposals=(PatchProposal(text=f"x{next(count)}", rationale=""),))


async def too_many(self, request):
    return PatchReply(proposals=tuple(PatchProposal(text=f"x{i}", rationale="") for i in range(request.count + 1)))


async def twice(self, request):
    return PatchReply(proposals=(PatchProposal(text="x", rationale=""),) * 2)


async def empty(self, request):
    return PatchReply(proposals=(PatchProposal(text="", rationale=""),))


async def other(self, request):
    return {"proposals": []}


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (broken(name=""), "name is not empty"),
        (broken(method="patch.guess"), "patch.guess"),
        (broken(Config=Loose), "unknown keys"),
        (broken(Reply=dict), "pydantic"),
        (broken(act=differs), "same reply"),
        (broken(act=too_many), "at most 8"),
        (broken(act=twice), "twice"),
        (broken(act=empty), "empty"),
        (broken(act=other), "PatchReply"),
    ],
)
def test_the_suite_notices(role, says):
    check_role(Declared, {}, patch_request())
    with pytest.raises(AssertionError, match=says):
        check_role(role, {}, patch_request())


def test_a_role_that_asks_a_live_model_may_differ():
    check_role(broken(act=differs), {}, patch_request(), deterministic=False)
