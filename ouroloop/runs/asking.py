"""Finding roles, and asking them: the wrapper that owns messages, retries, cost and attribution.

A role is found by entry point (`ouroloop.roles`), import path (`package.module:Class`) or file (`path/to/file.py:Class`).
Every question is a JSON-RPC message answered through a `Dispatcher`; question and answer are one step of the ledger.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from threading import Thread
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.protocols import jsonrpc
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import RoleError, UsageError
from ouroloop.protocols.messages import METHODS
from ouroloop.protocols.ports import Role
from ouroloop.runs.exchanges import chat_on_record
from ouroloop.runs.recipe import RoleSettings

GROUP = "ouroloop.roles"
CHAT_ROLES = {"reward.design": "chat-designer", "patch.propose": "chat-patcher"}
"""Which entry point answers a method where the recipe names a model."""
GRACE_S = 5.0
"""A role that keeps its own time limit gets so much longer, so that its error is the one that is told."""


def installed_roles() -> dict[str, str]:
    """Return the roles that entry points announce: name -> where the class is."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def find_role(where: str) -> type[Role]:
    """Return a role's class by entry point, import path or file.

    Raises:
        UsageError: there is none, or it is no role.
    """
    known = installed_roles()
    target = known.get(where, where)
    module_name, sep, class_name = target.rpartition(":")
    if not sep:
        raise UsageError(
            f"no role {where!r}: give an installed one ({', '.join(sorted(known))}), module:Class or file.py:Class"
        )
    try:
        found = getattr(_module(module_name), class_name)
    except Exception as error:  # the boundary: a role's module runs its author's code
        said = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"role {where!r} cannot be loaded ({said}); give an installed role, module:Class or file.py:Class"
        ) from None
    missing = [name for name in ("name", "method", "Config", "Request", "Reply", "act") if not hasattr(found, name)]
    if missing:
        raise UsageError(f"role {where!r} has no {', '.join(missing)}; see examples/ for the form of a role")
    return cast("type[Role]", found)


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    alias = f"ouroloop_role_{sha256(str(path))[:12]}"
    if alias in sys.modules:
        return sys.modules[alias]
    spec = importlib.util.spec_from_file_location(alias, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    spec.loader.exec_module(module)
    return module


def build_role(settings: RoleSettings, method: str) -> Role:
    """Return the configured role for a method.

    Raises:
        UsageError: the role does not answer that method, or its config is wrong.
    """
    if settings.model is not None:
        where, config = CHAT_ROLES.get(method, ""), {**_chat_config(settings), **settings.config}
        if not where:
            raise UsageError(f"no chat role answers {method}; use an installed role ({', '.join(sorted(installed_roles()))})")
    else:
        where, config = settings.use or "", dict(settings.config)
    found = find_role(where)
    if found.method != method:
        raise UsageError(f"role {where!r} answers {found.method}, here {method} is asked for")
    try:
        return found(found.Config.model_validate(config))
    except ValidationError as error:
        raise UsageError(f"config of role {where!r}: {jsonrpc.one_line(error)}") from None
    except Exception as error:  # the boundary again
        raise UsageError(f"role {where!r} cannot be built ({type(error).__name__}: {error})") from None


def _chat_config(settings: RoleSettings) -> dict[str, Any]:
    keys = ("model", "base_url", "api_key_env", "temperature", "timeout_s", "max_tokens")
    return {k: v for k, v in settings.model_dump().items() if k in keys and v is not None}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a role: under which key, whom, what, and how long it may take."""

    key: Key[Any]
    role: Role
    params: BaseModel
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A role's reply, or the one line that says why there is none."""

    asked: Asked
    reply: BaseModel | None
    error: str | None


def ask(ledger: Ledger, questions: list[Asked]) -> list[Answered]:
    """Ask roles side by side; each answer is recorded once. A failed role gives its error, never an exception."""

    async def everyone() -> list[Answered]:
        return list(await asyncio.gather(*(_ask_one(ledger, q) for q in questions)))

    return asyncio.run(everyone())


async def _ask_one(ledger: Ledger, asked: Asked) -> Answered:
    key, method = asked.key.text, asked.key.method
    message = jsonrpc.request(method, asked.params.model_dump(mode="json"), key)
    step = ledger.recall(key, method, message["params"])
    if step is None:
        with chat_on_record(ledger, key, asked.role):
            reply = await _dispatcher(asked.role, asked.timeout_s).answer(message)
        ledger.record(key, method, message["params"], reply.get("result"), reply.get("error"))
        step = ledger.step(key)
        assert step is not None
    if step.error is not None:
        return Answered(asked, None, step.error["message"])
    return Answered(asked, asked.key.decoded(step.result), None)


async def _apart(role: Role, params: Any) -> BaseModel:
    """Let a role act in a daemon thread of its own, so that one that blocks or hangs can be left behind."""
    answer: Future[BaseModel] = Future()
    answer.set_running_or_notify_cancel()  # from here on only the thread settles it

    def act() -> None:
        try:
            answer.set_result(asyncio.run(role.act(params)))
        except BaseException as error:  # it is raised again where the answer is awaited
            answer.set_exception(error)

    Thread(target=act, daemon=True).start()
    return await asyncio.wrap_future(answer)


def _dispatcher(role: Role, timeout_s: float) -> jsonrpc.Dispatcher:
    """Return a dispatcher that answers the role's one method and holds it to its declared reply."""
    dispatcher = jsonrpc.Dispatcher()

    async def handler(params: Any) -> BaseModel:
        try:
            reply = await asyncio.wait_for(_apart(role, role.Request.model_validate(params.model_dump())), timeout_s + GRACE_S)
        except TimeoutError:
            raise RoleError(f"role {role.name} gave no answer within {timeout_s:g} s; raise its timeout_s") from None
        return METHODS[role.method][1].model_validate(reply.model_dump() if isinstance(reply, BaseModel) else reply)

    dispatcher.register(role.method, METHODS[role.method][0], handler)
    return dispatcher
