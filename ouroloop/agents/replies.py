"""The boundary that a role's reply crosses: what is taken of it, and what is lost, with the reason.

A reply arrives as an object that the role's own code made. It goes through JSON, as it would over a wire, so that nothing but
plain data crosses. A proposal that cannot be taken is lost; it takes no other one with it.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ouroloop.protocols.errors import RoleError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.messages import (
    LOST_TEXT,
    METHODS,
    NOTE,
    PROPOSALS,
    Lost,
    PatchProposal,
    PatchReply,
    RewardProposal,
    RewardReply,
)
from ouroloop.protocols.text import plain_line, whole

MOST_BYTES: Final = 32_000_000
"""The most bytes of a reply as JSON."""
ITEMS: Final[dict[type[BaseModel], type[BaseModel]]] = {RewardReply: RewardProposal, PatchReply: PatchProposal}
"""Reply -> its proposals."""
Item = TypeVar("Item", RewardProposal, PatchProposal)
NOTHING: Final = "the reply holds no proposal"


def accepted(method: str, reply: object, count: int) -> BaseModel:
    """Return what is taken of a role's reply: the method's own reply type, of plain data within the limits.

    Args:
        method: the method that was asked.
        reply: what `act` returned.
        count: the number of proposals asked for; the others are lost.

    Raises:
        RoleError: nothing of it can be taken; the message names the limit or the form expected.
    """
    kind = METHODS[method][1]
    given = _plain(kind, reply)
    item = ITEMS.get(kind)
    try:
        return kind.model_validate(given if item is None else _sorted_out(given, item, count))
    except ValidationError as error:
        raise RoleError(f"the reply is no {kind.__name__}: {one_line(error)}") from None


def lost(reason: str, text: str | None = None) -> Lost:
    """Return the record of a reply that yielded nothing."""
    return Lost(reason=plain_line(reason), text=None if text is None else whole(text[:LOST_TEXT]))


def built(kind: type[Item], **parts: object) -> Item | Lost:
    """Return a proposal of these fields, or what is lost if they are outside the limits; a fault that is too long is cut."""
    fault = parts.get("fault")
    try:
        return kind.model_validate({**parts, "fault": plain_line(fault) if isinstance(fault, str) else None})
    except ValidationError as error:
        return lost(f"the reply is no {kind.__name__}: {one_line(error)}", _text(parts))


def _plain(kind: type[BaseModel], reply: object) -> Any:
    """Return a reply as plain JSON data."""
    if not isinstance(reply, BaseModel | dict):
        raise RoleError(f"act returned a {type(reply).__name__}, expected a {kind.__name__}")
    try:
        text = json.dumps(reply.model_dump(mode="json") if isinstance(reply, BaseModel) else reply, allow_nan=False)
    except RecursionError:
        raise RoleError("the reply is nested too deeply to be JSON") from None
    if len(text) > MOST_BYTES:
        raise RoleError(f"the reply has {len(text)} bytes, at most {MOST_BYTES} are taken: send less text")
    given = json.loads(text)
    if not isinstance(given, dict):
        raise RoleError(f"the reply is a {type(given).__name__}, expected a {kind.__name__}")
    return given


def _sorted_out(given: dict[str, Any], item: type[BaseModel], count: int) -> dict[str, Any]:
    """Return a reply with the proposals that can be taken; the others are among the lost."""
    proposals, gone = given.get("proposals"), given.get("lost", [])
    if not isinstance(proposals, list) or not isinstance(gone, list):
        return given  # which the reply's own type refuses
    kept: list[BaseModel] = []
    without = [_told(entry) for entry in gone]
    for number, proposal in enumerate(proposals, 1):
        if len(kept) >= count:
            without.append(lost(f"proposal {number} of {len(proposals)}: only {count} were asked for", _text(proposal)))
            continue
        if len(kept) < number - 1 and isinstance(proposal, dict) and proposal.get("place") is None:
            proposal = {**proposal, "place": number - 1}  # one before it is lost, so its place in the reply changes
        try:
            kept.append(item.model_validate(_mended(proposal)))
        except ValidationError as error:
            without.append(lost(f"proposal {number} is no {item.__name__}: {one_line(error)}", _text(proposal)))
    if not kept and not without:
        without.append(lost(NOTHING))
    if len(without) > PROPOSALS:
        more = len(without) - PROPOSALS + 1
        without = [*without[: PROPOSALS - 1], lost(f"{more} more replies, of which no reasons are kept")]
    note = given.get("note", "")
    return {**given, "proposals": kept, "lost": without, "note": plain_line(note, NOTE) if isinstance(note, str) else note}


def _told(entry: object) -> Lost:
    """Return a lost reply that the role itself reports."""
    found = entry if isinstance(entry, dict) else {}
    return lost(str(found.get("reason") or "no reason given")[:1000], _string(found.get("text")))


def _mended(part: object) -> object:
    """Return a part of a proposal whose texts can be written down."""
    if isinstance(part, dict):
        return {key: _mended(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_mended(value) for value in part]
    return whole(part) if isinstance(part, str) else part


def _text(proposal: object) -> str | None:
    """Return the text of a proposal that is not taken."""
    found = proposal if isinstance(proposal, dict) else {}
    return _string(found.get("text")) or _string(found.get("spec"))


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
