"""Shared by the searching roles: words of names and docs, relevance of parts to findings, evidence from earlier tries.

Nothing here names a feature or a tool of any game. A part (a reward feature, a toolkit function) is tried more often if
its name and doc share words with the critic's findings, and if earlier candidates that used it did well.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ouroloop.protocols.messages import Finding, Tried
from ouroloop.protocols.records import SCREEN_LAYERS

T = TypeVar("T")


def _stem(word: str) -> str:
    for ending in ("ing", "able", "ed", "es", "s", "d", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            cut = word.removesuffix(ending)
            doubled = ending in ("ing", "ed") and cut[-1] == cut[-2]
            return cut[:-1] if doubled and len(cut) > 3 else cut
    return word


STOP = frozenset(
    _stem(word)
    for word in re.findall(
        r"\w+",
        "the and for that with from this are was has had have its not one any all per cent can may into than then when where "
        "which who will would after before each game move step share number value return range cell mean other",
    )
)
DESIRED = "ate eaten won win food free space room reachable reach safe closer approach progress survive gain open"
UNDESIRED = (
    "die died death lost lose hit contact collide starve idle wait trap stuck distance gap far away revisit loop turn detour"
)


def generator(seed: int, *path: str) -> random.Random:
    """Return a generator whose numbers depend on the seed and the path alone."""
    return random.Random("/".join([str(seed), *path]))  # noqa: S311 - a search, not a secret


def words(text: str) -> frozenset[str]:
    """Return the telling words of a name or doc: lower case, with endings cut so that `starves` matches `starved`."""
    return frozenset(_stem(word) for word in re.findall(r"[a-z]{3,}", text.lower())) - STOP


def polarity(text: str) -> float:
    """Return whether the words of a name suggest something wanted (+1) or unwanted (-1); 0 if they suggest neither.

    This is only a prior: it biases the first guess of a sign, and evidence overrides it.
    """
    found = words(text)
    good, bad = len(found & words(DESIRED)), len(found & words(UNDESIRED))
    return (good - bad) / (good + bad) if good + bad else 0.0


def affinities(docs: Mapping[str, str], findings: Sequence[Finding]) -> dict[str, float]:
    """Return how relevant each part is to the findings: name -> 0..1.

    Args:
        docs: part -> one line that describes it.
        findings: the critic's findings; a finding's words are those of its name and evidence.
    """
    parts = {name: words(f"{name} {doc}") for name, doc in docs.items()}
    common = {word: sum(word in part for part in parts.values()) for part in parts.values() for word in part}
    raw = {}
    for name, part in parts.items():
        shared = ((f.weight, word) for f in findings for word in words(f"{f.name} {f.evidence}") & part)
        # A word that all parts share tells nothing about any of them (inverse document frequency).
        raw[name] = sum(weight * math.log((1 + len(parts)) / common[word]) for weight, word in shared)
    top = max(raw.values(), default=0.0)
    return {name: score / top if top > 0 else 0.0 for name, score in raw.items()}


def credit(tried: Tried) -> float:
    """Return the credit that an earlier candidate's fate gives to its parts, in units of utility."""
    if tried.outcome == "rolled_back":
        return -0.1
    if tried.effect is not None:
        return tried.effect
    return -0.05 if tried.layer in SCREEN_LAYERS else -0.02


def lessons(history: Iterable[tuple[Iterable[str], float]]) -> dict[str, float]:
    """Return each part's mean credit over the candidates that used it, shrunk towards 0 by two imaginary neutral ones."""
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for parts, worth in history:
        for part in set(parts):
            total[part] = total.get(part, 0.0) + worth
            count[part] = count.get(part, 0) + 1
    return {part: total[part] / (count[part] + 2) for part in total}


def pick(rng: random.Random, items: Sequence[T], weights: Sequence[float]) -> T:
    """Draw one item with probability proportional to its weight."""
    return rng.choices(items, weights=weights, k=1)[0]


def lead(affinity: float, lesson: float, strength: float = 4.0) -> float:
    """Return a part's sampling weight, which is never 0, so that every part can still be drawn."""
    return (1.0 + strength * affinity) * math.exp(max(-2.0, min(2.0, 10.0 * lesson)))
