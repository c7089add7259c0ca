"""A wish in a model's reply: a line `# WISH: OBJECTIVE; CONSTRAINT`, as a comment of its controller or below it."""

from __future__ import annotations

import re
from typing import Final

from pydantic import TypeAdapter, ValidationError

from ouroloop.protocols.messages import CONSTRAINTS, WISH, Wish
from ouroloop.protocols.text import whole

PLACEHOLDER: Final = "OBJECTIVE"
ASKS: Final = (
    "\n\nIf the policy should be trained differently for your controller, put one comment line into it: "
    f"`# WISH: {PLACEHOLDER}; CONSTRAINT`. A designer then writes a reward for it. The line says in plain words what training "
    "should bring about, and what it must keep."
)
"""What the prompt adds if the round grants wishes."""
LINE: Final = re.compile(r"^(?P<added>\+?)[ \t]*#?[ \t]*WISH:[ \t]*(?P<said>\S[^\n]*)\n?", re.MULTILINE)


def with_wish(text: str, source: str = "") -> tuple[str, Wish | None]:
    """Return a reply without the lines that wish, and its first wish; None if there is none.

    Args:
        text: the reply. In a diff the lines stay, since its hunks count them.
        source: the controller in use; a wish that stands in it is an old one.
    """
    wishes = [_wish(found["said"]) for found in LINE.finditer(text) if found["said"].strip() not in source]
    kept = LINE.sub(lambda found: found[0] if found["added"] else "", text)
    return kept, next((wish for wish in wishes if wish is not None), None)


def _wish(said: str) -> Wish | None:
    parts = [part for part in (whole(one).strip(" \t`") for one in said.split(";")) if part]
    if not parts or parts[0] == PLACEHOLDER:
        return None
    try:
        cut = {"objective": parts[0][:WISH], "constraints": tuple(part[:WISH] for part in parts[1 : CONSTRAINTS + 1])}
        return TypeAdapter(Wish).validate_python(cut)
    except ValidationError:
        return None
