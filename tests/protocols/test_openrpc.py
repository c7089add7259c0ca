"""The OpenRPC document describes what travels: a public validator takes real messages, and refuses spoilt ones."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest

from ouroloop.agents.conformance import sample_request
from ouroloop.agents.search.critic import SearchCritic
from ouroloop.agents.search.designer import SearchDesigner
from ouroloop.agents.search.patcher import SearchPatcher
from ouroloop.protocols.messages import METHODS, Lost, PatchReply, RewardReply, Tried
from ouroloop.protocols.openrpc import document
from ouroloop.protocols.records import RewardSpec, RewardTerm

DIALECTS = (jsonschema.Draft7Validator, jsonschema.Draft202012Validator)
"""The dialect that OpenRPC names, and the one that pydantic writes."""
ROLES = {role.method: role for role in (SearchCritic, SearchDesigner, SearchPatcher)}
TRIED = Tried(
    round=1, kind="both", role="search-patcher", outcome="rolled_back", layer="watch", reason="worse", effect=-0.1,
    reward=RewardSpec(terms=(RewardTerm(name="near", expr="progress", weight=0.5),)), diff="--- a", source="x = 1\n",
)  # fmt: skip


def entry(method: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in document()["methods"] if each["name"] == method)
    return found


def wrong_params(method: str, params: dict[str, Any], dialect: Any) -> list[str]:
    """Return the names of the params that their schemas refuse."""
    told = {param["name"]: param["schema"] for param in entry(method)["params"]}
    assert set(params) <= set(told)
    return [name for name, value in params.items() if not dialect(told[name]).is_valid(value)]


def sent(method: str) -> dict[str, Any]:
    """Return the params of a ready request, with an earlier candidate where the method tells of them."""
    request = sample_request(method)
    if hasattr(request, "tried"):
        request = request.model_copy(update={"tried": (TRIED,)})
    params: dict[str, Any] = request.model_dump(mode="json")
    return params


def test_the_document_names_every_method_and_refers_to_nothing() -> None:
    methods = {m["name"]: m for m in document()["methods"]}
    assert set(methods) == set(METHODS)
    assert {p["name"] for p in methods["patch.propose"]["params"]} >= {"source", "toolkit", "diagnosis"}
    assert "$ref" not in json.dumps(document())
    assert "$defs" not in json.dumps(document())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_validator_takes_ready_requests_and_refuses_spoilt_ones(method: str, dialect: Any) -> None:
    params = sent(method)
    assert wrong_params(method, params, dialect) == []
    facts = "facts" if method == "critic.diagnose" else "diagnosis"
    finding = {"name": "crashes", "weight": 2, "evidence": "beyond all games"}
    assert wrong_params(method, {**params, facts: {**params[facts], "findings": [finding]}}, dialect) == [facts]
    if "tried" in params:
        deep = {**params["tried"][0], "reward": {"terms": [{"name": "A", "expr": "1", "weight": 1}]}}
        assert wrong_params(method, {**params, "tried": [deep]}, dialect) == ["tried"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_validator_takes_the_replies_of_the_shipped_roles(method: str, dialect: Any) -> None:
    role = ROLES[method]
    check = dialect(entry(method)["result"]["schema"])
    reply = asyncio.run(role(role.Config()).act(sample_request(method)))
    check.validate(reply.model_dump(mode="json"))
    assert not check.is_valid({**reply.model_dump(mode="json"), "more": 1})


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reply", [RewardReply, PatchReply])
def test_a_validator_takes_a_lost_reply(reply: Any, dialect: Any) -> None:
    method = next(name for name, (_, result) in METHODS.items() if result is reply)
    lost = reply(proposals=(), lost=(Lost(reason="no code fence", text="I think"), Lost(reason="timed out")))
    dialect(entry(method)["result"]["schema"]).validate(lost.model_dump(mode="json"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_schema_is_one(dialect: Any) -> None:
    for method in document()["methods"]:
        for part in (*method["params"], method["result"]):
            dialect.check_schema(part["schema"])
