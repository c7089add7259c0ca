"""A wish in a model's reply: a line `# WISH: OBJECTIVE; CONSTRAINT`, as a comment of its controller or below it."""

from __future__ import annotations

import re
from typing import Final

from ouroloop.protocols.messages import Wish

ASKS: Final = (
    "\n\nIf the policy should be trained differently for your controller, put one comment line into it: "
    "`# WISH: OBJECTIVE; CONSTRAINT`. A designer then writes a reward for it. The line says in plain words what training "
    "should bring about, and what it must keep."
)
"""What the prompt adds if the round grants wishes."""
LINE: Final = re.compile(r"^[ \t]*(?P<comment>#)?[ \t]*WISH:[ \t]*(?P<said>\S[^\n]*)\n?", re.MULTILINE)
OBJECTIVE: Final = 300
CONSTRAINT: Final = 200
CONSTRAINTS: Final = 8


def with_wish(text: str) -> tuple[str, Wish | None]:
    """Return a reply without a wish that stands outside of its code, and the first wish in it; None if there is none."""
    found = LINE.search(text)
    if found is None:
        return text, None
    objective, *constraints = (part.strip()[:CONSTRAINT] for part in found["said"].split(";") if part.strip(" `"))
    kept = text if found["comment"] else text[: found.start()] + text[found.end() :]
    return kept, Wish(objective=objective[:OBJECTIVE], constraints=tuple(constraints[:CONSTRAINTS]))
