"""Eyes by the names that installed packages announce (entry points `ouroloop.eyes`): name -> `module:function`.

The function takes a folder and a task, and returns the eye that the folder holds. In every such folder, `eye.json` has a key
`eye`, the name of its kind. A folder may come from a stranger, so only an announced name will do, never a place to import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.plugins import announced, load
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.text import did_you_mean, plain_line
from ouroloop.sheltered import Fault

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Eye, Task

GROUP: Final = "ouroloop.eyes"
SHIPPED: Final = {"picture": "ouroloop.perception.eye:load_eye"}
"""Eyes of this package; they are known in a checkout that was never installed, too."""
EYE_CARD: Final = "eye.json"


class EyeCard(BaseModel):
    """What `eye.json` says to everybody; the other keys are the eye's own."""

    model_config = ConfigDict(frozen=True, extra="allow")
    eye: str


def installed_eyes() -> dict[str, str]:
    """Return the eyes that policies may look through: name -> the place of the function that loads one."""
    return announced(GROUP) | SHIPPED


def open_eye(folder: Path, task: Task) -> Eye:
    """Return an eye from its folder.

    Args:
        folder: what `Eye.save` wrote.
        task: the game that it looks at.

    Raises:
        UsageError: there is no eye, its kind is not installed, or it cannot be opened.
    """
    name, known = _kind(folder), installed_eyes()
    if name not in known:
        raise UsageError(
            f"the eye in {folder} is of the kind {plain_line(name, 60)!r}, which is not installed; {did_you_mean(name, known)}"
            f"installed: {', '.join(sorted(known))}"
        )
    try:
        opening = cast("Callable[[Path, Task], Eye]", load(known[name]))
        return opening(folder, task)
    except OuroloopError:
        raise
    except Fault as fault:
        raise UsageError(f"eyes of the kind {name!r} cannot be loaded ({fault})") from None
    except Exception as error:  # the boundary to an installed package, whose folder may hold anything
        raise UsageError(f"the eye in {folder} cannot be opened ({plain_line(str(error), 160)}): take another") from error


def _kind(folder: Path) -> str:
    try:
        return EyeCard.model_validate_json(read_regular(folder / EYE_CARD, CARD_BYTES)).eye
    except (OSError, ValidationError) as error:
        raise UsageError(f"{folder} is no eye: {EYE_CARD} is missing or damaged; train the policy anew, with --eye") from error
