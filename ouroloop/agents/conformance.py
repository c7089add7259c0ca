"""The conformance suite of `Role`, which plug-in authors call from their own tests.

check_role(MyPatcher, {"strength": 2})

`sample_request` gives the ready request that `check_role` uses if it is given none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ouroloop.agents.replies import accepted
from ouroloop.protocols.messages import METHODS, DiagnoseRequest, Diagnosis, Finding, PatchRequest, RewardRequest, Tool
from ouroloop.protocols.records import Ending, RewardSpec


def check_role(
    role_class: type[Any],
    config: Mapping[str, object],
    request: BaseModel | None = None,
    *,
    deterministic: bool = True,
) -> BaseModel:
    """Hold a role to its contract and return its reply.

    Args:
        role_class: the class under test.
        config: a config that its `Config` accepts.
        request: a request of its method; `sample_request(method)` by default.
        deterministic: require two fresh instances to answer the request equally; False for roles that ask a live model.

    Raises:
        AssertionError: the role breaks the contract; the message names the clause.
    """
    _check_declaration(role_class)
    _check_refuses_unknown(role_class, config)
    request = sample_request(role_class.method) if request is None else request
    before = request.model_dump_json()
    reply = _answer(role_class, config, request)
    assert request.model_dump_json() == before, "act must leave its request as it was"
    _check_reply(role_class, request, reply)
    if deterministic:
        again = _answer(role_class, config, request)
        assert again.model_dump_json() == reply.model_dump_json(), (
            "the same request must give the same reply in a fresh instance"
        )
    return reply


def _check_declaration(role_class: type[Any]) -> None:
    for name in ("name", "method", "Config", "Request", "Reply", "act"):
        assert hasattr(role_class, name), f"a role declares {name}"
    assert isinstance(role_class.name, str), "name is a string"
    assert role_class.name, "name is not empty"
    assert role_class.method in METHODS, f"method {role_class.method!r} is one of {sorted(METHODS)}"
    for name in ("Config", "Request", "Reply"):
        assert issubclass(getattr(role_class, name), BaseModel), f"{name} is a pydantic model"


def _check_refuses_unknown(role_class: type[Any], config: Mapping[str, object]) -> None:
    try:
        role_class.Config.model_validate({**config, "no_such_key_": 1})
    except ValidationError:
        return
    raise AssertionError("Config must refuse unknown keys (extra='forbid')")


def _answer(role_class: type[Any], config: Mapping[str, object], request: BaseModel) -> BaseModel:
    """Answer as if over a wire: the request arrives as JSON."""
    role = role_class(role_class.Config.model_validate(config))
    arrived = role_class.Request.model_validate_json(request.model_dump_json())
    reply = asyncio.run(role.act(arrived))
    assert isinstance(reply, role_class.Reply), f"act returns a {role_class.Reply.__name__}, found {type(reply).__name__}"
    return cast("BaseModel", reply)


def _check_reply(role_class: type[Any], request: BaseModel, reply: BaseModel) -> None:
    given = json.loads(reply.model_dump_json())
    wanted, sent = getattr(request, "count", 1), len(given.get("proposals", ()))
    assert sent <= wanted or "proposals" not in given, f"at most {wanted} proposals were asked for, found {sent}"
    arrived = accepted(role_class.method, reply, wanted)
    proposals, told = getattr(arrived, "proposals", ()), len(given.get("lost", ()))
    assert len(proposals) == sent, f"a run would lose a proposal: {getattr(arrived, 'lost', ())[told:][0].reason}"
    texts = [getattr(p, "text", None) or getattr(p, "spec", None) for p in proposals]
    assert all(texts), "no proposal is empty"
    assert len(set(texts)) == len(texts), "no proposal is given twice"


def sample_request(method: str, count: int = 4) -> BaseModel:
    """Return a ready request of a method, about a small made-up game, for the tests of a role.

    Args:
        method: one of `protocols.messages.METHODS`.
        count: the number of proposals to ask for.

    Raises:
        ValueError: there is no such method; the message names those that there are.
    """
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}: choose one of {', '.join(METHODS)}")
    facts = Diagnosis(
        games=64, score=2.0, score_low=1.5, score_high=2.5, utility=0.25, win_rate=0.0,
        deaths={"crash": 0.75, "timeout": 0.25}, regret={"early": 0.1, "late": 0.4}, avoidable=0.8,
        training={"kl": 0.01, "entropy": 0.7}, transcripts=("step 7: position 3 of 9, moved left, crashed",),
    )  # fmt: skip
    finding = Finding(name="crashes", weight=0.75, evidence="75 % of 64 games end by a crash")
    shared: dict[str, Any] = {
        "task": "sample", "mode": "meta_learn", "count": count, "seed": 7, "tried": (),
        "diagnosis": facts.model_copy(update={"findings": (finding,)}),
    }  # fmt: skip
    samples: dict[str, BaseModel] = {
        "critic.diagnose": DiagnoseRequest(task="sample", facts=facts, endings=SAMPLE_ENDINGS),
        "reward.design": RewardRequest(**shared, incumbent=RewardSpec(), features=SAMPLE_FEATURES),
        "patch.propose": PatchRequest(
            **shared, source=SAMPLE_SOURCE, actions=("left", "stay", "right"), toolkit=SAMPLE_TOOLKIT
        ),
    }
    return samples[method]


SAMPLE_SOURCE = '''"""Turns the policy's logits into a move."""


def act(observation, logits):
    """Return the move that the policy rates highest."""
    return max(range(3), key=lambda move: logits[move])
'''
SAMPLE_ACTIONS = ("left", "stay", "right")
SAMPLE_ENDINGS = {
    "crash": Ending(kind="blunder", finding="crashes", doc="end by a crash"),
    "timeout": Ending(kind="idle", finding="idles", doc="end because nothing was gained"),
}
SAMPLE_FEATURES = {
    "progress": "share of the way that the move gained, -1..1",
    "crashed": "1 if the move crashed, else 0",
    "idle": "steps since the last gain, 0..1",
}
SAMPLE_TOOLKIT = (
    Tool(name="open_moves", signature="(observation) -> list[int]", doc="Moves that do not crash.", kind="moves"),
    Tool(name="goal_move", signature="(observation) -> int | None", doc="The move towards the goal.", kind="move"),
    Tool(name="is_open", signature="(observation, move) -> bool", doc="Whether a move does not crash.", kind="test"),
    Tool(name="room", signature="(observation, move) -> int", doc="Free cells after a move.", kind="measure"),
)
