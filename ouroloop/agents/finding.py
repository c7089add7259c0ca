"""Finding and building roles.

A role is named by entry point (`ouroloop.roles`), import path (`package.module:Class`) or file (`path/to/file.py:Class`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import BaseModel, ValidationError

from ouroloop.agents.roles import RoleSlot
from ouroloop.agents.settings import RoleSettings
from ouroloop.plugins import announced, load, place_of
from ouroloop.protocols.config_keys import unknown_key
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.messages import METHODS
from ouroloop.protocols.ports import Role
from ouroloop.sheltered import Fault, sheltered

GROUP: Final = "ouroloop.roles"
NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
PARTS: Final = ("name", "method", "Config", "Request", "Reply", "act")
"""The attributes that a role's class must have; see `ports.Role`."""
CHAT_KEYS: Final = ("model", "base_url", "api_key_env", "temperature", "timeout_s", "max_tokens")
"""The keys of `RoleSettings` that a chat role copies into its config."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An announced role: its name, its place, its class, and why it cannot be used; either class or fault is None."""

    name: str
    where: str
    role: type[Role] | None
    fault: str | None


def installed_roles() -> dict[str, str]:
    """Return the roles that entry points announce: name -> location of the class."""
    return announced(GROUP)


def survey() -> list[Installed]:
    """Return all announced roles, those that cannot be loaded among them, sorted by name."""
    found = []
    known = installed_roles()
    for name, where in known.items():
        try:
            found.append(Installed(name, where, _find(name, known), None))
        except UsageError as error:
            found.append(Installed(name, where, None, str(error)))
    return found


def find_role(where: str) -> type[Role]:
    """Return a role's class by entry point, import path or file.

    Raises:
        UsageError: nothing is found there, or it is not a role.
    """
    return _find(where, installed_roles())


def _find(where: str, known: dict[str, str]) -> type[Role]:
    place = place_of(where, known, "role", "module:Class or file.py:Class")
    try:
        found = load(place)
        missing = sheltered(lambda: _missing(found))
    except Fault as fault:
        raise UsageError(
            f"role {where!r} cannot be loaded ({fault}); give an installed role, module:Class or file.py:Class"
        ) from None
    if missing:
        raise UsageError(f"role {where!r} has {missing}; examples/ shows how to write a role")
    return cast("type[Role]", found)


def _missing(found: object) -> str:
    """Return what keeps an object from being a role's class, after the word "has"; empty if nothing does."""
    if not isinstance(found, type):
        return f"no class, but a {type(found).__name__}"
    if lacks := [part for part in PARTS if not hasattr(found, part)]:
        return f"no {', '.join(lacks)}"
    role: Any = found
    if not (isinstance(role.name, str) and NAME.fullmatch(role.name)):
        return "no usable name: 1 to 64 letters, digits, dots, dashes and underscores"
    if not isinstance(role.method, str) or role.method not in METHODS:
        return f"a method other than {', '.join(sorted(METHODS))}"
    models = [part for part in ("Config", "Request", "Reply") if not _is_model(getattr(role, part))]
    return f"a {models[0]} that is no pydantic model" if models else ""


def _is_model(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def build_role(settings: RoleSettings, slot: RoleSlot) -> Role:
    """Return the configured role for a slot.

    Raises:
        UsageError: the role does not answer the slot's method, or its config is wrong.
    """
    where, config = _choice(settings, slot)
    found = find_role(where)
    if found.method != slot.method:
        raise UsageError(f"role {where!r} answers {found.method}; [roles.{slot.name}] needs one that answers {slot.method}")
    if wrong := unknown_key(found.Config, config):
        raise UsageError(f"config of role {where!r}: {wrong}; `ouroloop roles {where}` shows them all")
    try:
        return sheltered(lambda: _built(found, config))
    except Fault as fault:
        if fault.kind == "ValidationError":
            raise UsageError(f"config of role {where!r}: {fault}") from None
        raise UsageError(f"role {where!r} cannot be built ({fault})") from None


def _built(found: type[Role], config: dict[str, Any]) -> Role:
    try:
        return found(found.Config.model_validate(config))
    except ValidationError as error:
        said = error.errors()[0].get("ctx", {}).get("error")  # a UsageError says what is wrong without quoting it
        raise Fault(str(said) if isinstance(said, UsageError) else one_line(error), "ValidationError") from None


def _choice(settings: RoleSettings, slot: RoleSlot) -> tuple[str, dict[str, Any]]:
    """Return the role that the settings ask for, and its config."""
    if settings.model is None:
        return settings.use or slot.use, settings.config
    if settings.use is None and slot.chat is None:
        installed = ", ".join(sorted(installed_roles()))
        raise UsageError(f"no chat role answers {slot.method}; use an installed role ({installed}) in [roles.{slot.name}]")
    return settings.use or str(slot.chat), {**settings.model_dump(include=set(CHAT_KEYS), exclude_none=True), **settings.config}
