"""Finding and building roles.

A role is named by entry point (`ouroloop.roles`), import path (`package.module:Class`) or file (`path/to/file.py:Class`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from pydantic import ValidationError

from ouroloop.agents.roles import RoleSlot
from ouroloop.agents.settings import RoleSettings
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.ports import Role

GROUP: Final = "ouroloop.roles"
PARTS: Final = ("name", "method", "Config", "Request", "Reply", "act")
"""The attributes that a role's class must have; see `ports.Role`."""
CHAT_KEYS: Final = ("model", "base_url", "api_key_env", "temperature", "timeout_s", "max_tokens")
"""The keys of `RoleSettings` that a chat role copies into its config."""


def installed_roles() -> dict[str, str]:
    """Return the roles that entry points announce: name -> location of the class."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def find_role(where: str) -> type[Role]:
    """Return a role's class by entry point, import path or file.

    Raises:
        UsageError: nothing is found there, or it is not a role.
    """
    known = installed_roles()
    module_name, sep, class_name = known.get(where, where).rpartition(":")
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
    if missing := [part for part in PARTS if not hasattr(found, part)]:
        raise UsageError(f"role {where!r} has no {', '.join(missing)}; examples/ shows how to write a role")
    return cast("type[Role]", found)


def _module(name: str) -> ModuleType:
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


def build_role(settings: RoleSettings, slot: RoleSlot) -> Role:
    """Return the configured role for a slot.

    Raises:
        UsageError: the role does not answer the slot's method, or its config is wrong.
    """
    where, config = _choice(settings, slot)
    found = find_role(where)
    if found.method != slot.method:
        raise UsageError(f"role {where!r} answers {found.method}; [roles.{slot.name}] needs one that answers {slot.method}")
    try:
        return found(found.Config.model_validate(config))
    except ValidationError as error:
        raise UsageError(f"config of role {where!r}: {one_line(error)}") from None
    except Exception as error:  # the boundary again
        raise UsageError(f"role {where!r} cannot be built ({type(error).__name__}: {error})") from None


def _choice(settings: RoleSettings, slot: RoleSlot) -> tuple[str, dict[str, Any]]:
    """Return the role that the settings ask for, and its config."""
    if settings.model is None:
        return settings.use or slot.use, settings.config
    if slot.chat is None:
        installed = ", ".join(sorted(installed_roles()))
        raise UsageError(f"no chat role answers {slot.method}; use an installed role ({installed}) in [roles.{slot.name}]")
    return slot.chat, {**settings.model_dump(include=set(CHAT_KEYS), exclude_none=True), **settings.config}
