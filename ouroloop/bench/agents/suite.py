"""`ouroloop bench agents`: what language models on this machine are worth as reward designers and code patchers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.local.catalog import PROVIDER
from ouroloop.bench.agents.runs import ARMS, measure
from ouroloop.bench.agents.sharing import measure as measure_sharing
from ouroloop.bench.agents.validity import begun, replies
from ouroloop.bench.sections import Section
from ouroloop.bench.timing import Report, significant
from ouroloop.protocols.records import Kind

REPLIES: Final = 100
"""Replies of a model for each kind of candidate."""
KINDS: Final[tuple[Kind, ...]] = ("patch", "reward")
RECIPE: Final = Path(__file__).parents[3] / "recipes" / "quickstart.toml"
TIMEOUT_S: Final = 900.0
WRITTEN: Final = 700
"""Most tokens of an answer."""


def validity(model: str, report: Report, seed: int) -> dict[str, Any]:
    """Return which share of a local model's replies passes the screen, and which layers stop the others."""
    from ouroloop.agents.local.serving import require

    require(model)
    config = ChatConfig(model=f"{PROVIDER}{model}", timeout_s=TIMEOUT_S, max_tokens=WRITTEN)
    document: dict[str, Any] = {}
    with TemporaryDirectory() as folder, begun(Path(folder) / "run", RECIPE, f"seed={seed}") as run:
        for index, kind in enumerate(KINDS):

            def tell(done: int, index: int = index, kind: Kind = kind) -> None:
                report(f"{kind} {done} of {REPLIES}", (index + done / REPLIES) / len(KINDS))

            found = replies(run, config, kind, REPLIES, tell)
            document[kind] = {
                "asked": found.asked,
                "passed": found.passed,
                "different": found.different,
                "copies": found.copies,
                "stopped": dict(found.stopped.most_common()),
                "seconds_each": significant(found.seconds / found.asked, 3),
            }
    return document


def sharing(report: Report, seed: int) -> dict[str, Any]:
    """Let the bandit share proposals among proposers of known worth."""
    return measure_sharing(seed=seed)


SECTIONS: Final[dict[str, Section]] = {
    "sharing": sharing,
    "smollm2": partial(validity, "smollm2-135m"),
    "gemma": partial(validity, "gemma-3-270m"),
    "qwen": partial(validity, "qwen2.5-coder-1.5b"),
    **{name: partial(measure, name) for name in ARMS},
}
"""Sections by name, in the order of the document."""
