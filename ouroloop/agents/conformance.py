"""The conformance suite of `Role`, which plug-in authors call from their own tests.

check_role(MyPatcher, {"strength": 2}, request)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ouroloop.protocols.messages import METHODS


def check_role(
    role_class: type[Any], config: Mapping[str, object], request: BaseModel, *, deterministic: bool = True
) -> BaseModel:
    """Hold a role to its contract and return its reply.

    Args:
        role_class: the class under test.
        config: a config that its `Config` accepts.
        request: a request of its method.
        deterministic: require two fresh instances to answer the request equally; False for roles that ask a live model.

    Raises:
        AssertionError: the role breaks the contract; the message names the clause.
    """
    _check_declaration(role_class)
    _check_refuses_unknown(role_class, config)
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
    arrived = METHODS[role_class.method][1].model_validate(json.loads(reply.model_dump_json()))
    proposals = getattr(arrived, "proposals", ())
    wanted = getattr(request, "count", len(proposals))
    assert len(proposals) <= wanted, f"at most {wanted} proposals were asked for, found {len(proposals)}"
    texts = [getattr(p, "text", None) or getattr(p, "spec", None) for p in proposals]
    assert all(texts), "no proposal is empty"
    assert len(set(texts)) == len(texts), "no proposal is given twice"
