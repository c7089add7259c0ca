"""What of the library a role can use: entries whose features, or tools, this game has, and that were not tried in this run."""

from __future__ import annotations

import re
from typing import Final

from ouroloop.protocols.messages import Known, PatchRequest, RewardRequest
from ouroloop.protocols.records import RewardSpec

NAME: Final = re.compile(r"[A-Za-z_]\w*")
CALLED: Final = re.compile(r"[A-Za-z_]\w*\s*\(")
IMPORTED: Final = re.compile(r"^from toolkit import (.+)$", re.MULTILINE)


def usable_rewards(request: RewardRequest) -> list[tuple[Known, RewardSpec]]:
    """Return the library's rewards of this game's features that are neither in use nor tried, the largest gain first."""
    seen = [request.incumbent, *(one.reward for one in request.tried if one.reward is not None)]
    found = []
    for entry in request.library:
        spec = entry.reward
        if (
            spec is not None
            and spec not in seen
            and all(_features(term.expr) <= request.features.keys() for term in spec.terms)
        ):
            seen.append(spec)
            found.append((entry, spec))
    return found


def usable_patches(request: PatchRequest) -> list[tuple[Known, str]]:
    """Return the library's controllers of this game's tools that are neither in use nor tried, the largest gain first."""
    seen = {request.source, *(one.source for one in request.tried if one.source is not None)}
    tools = {tool.name for tool in request.toolkit}
    found = []
    for entry in request.library:
        source = entry.source
        if source is not None and source not in seen and _tools(source) <= tools:
            seen.add(source)
            found.append((entry, source))
    return found


def told(entry: Known) -> str:
    """Return where an entry comes from, and what it gained there."""
    return f"accepted in {entry.run} ({entry.task}), where it gained {entry.effect:+.3f}"


def _features(expression: str) -> set[str]:
    """Return the names in an expression that are no functions."""
    return set(NAME.findall(CALLED.sub("", expression)))


def _tools(source: str) -> set[str]:
    """Return the toolkit functions that a controller imports."""
    return {name for line in IMPORTED.findall(source) for name in NAME.findall(line)}
