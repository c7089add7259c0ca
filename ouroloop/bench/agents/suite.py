"""`ouroloop bench agents`: what language models on this machine are worth as reward designers and code patchers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ouroloop.agents.chat import ChatConfig
from ouroloop.bench.agents.models import served
from ouroloop.bench.agents.runs import GROUPS, measure
from ouroloop.bench.agents.sharing import measure as measure_sharing
from ouroloop.bench.agents.validity import begun, replies
from ouroloop.bench.sections import Section
from ouroloop.bench.timing import Report, significant
from ouroloop.protocols.records import Kind

REPLIES: Final = 100
"""Replies of a model for each kind of candidate."""
KINDS: Final[tuple[Kind, ...]] = ("patch", "reward")
MODELS: Final = {"smollm2": "smollm2-135m", "gemma": "gemma-3-270m", "qwen": "qwen2.5-coder-1.5b"}
"""The beginning of a section's name -> the model."""
RECIPE: Final = Path(__file__).parents[3] / "recipes" / "quickstart.toml"
TIMEOUT_S: Final = 900.0
WRITTEN: Final = 600
"""Most tokens of an answer."""


def validity(model: str, kind: Kind, report: Report, seed: int) -> dict[str, Any]:
    """Return which share of a local model's replies passes the screen, and which layers stop the others."""
    from ouroloop.agents.local.serving import require

    name = served(model)
    require(name)
    config = ChatConfig(model=name, timeout_s=TIMEOUT_S, max_tokens=WRITTEN)
    with TemporaryDirectory() as folder, begun(Path(folder) / "run", RECIPE, f"seed={seed}") as run:
        found = replies(run, config, kind, REPLIES, lambda done, passed: report(f"{passed} of {done} passed", done / REPLIES))
    return {
        "model": name,
        "asked": found.asked,
        "passed": found.passed,
        "different": found.different,
        "copies": found.copies,
        "stopped": dict(found.stopped.most_common()),
        "said": {layer: reason for layer, reason, _ in reversed(found.reasons)},
        "seconds_each": significant(found.seconds / found.asked, 3),
    }


def sharing(report: Report, seed: int) -> dict[str, Any]:
    """Let the bandit share proposals among proposers of known worth."""
    return measure_sharing(seed=seed)


SECTIONS: Final[dict[str, Section]] = {
    "sharing": sharing,
    **{f"{short}-{kind}": partial(validity, model, kind) for short, model in MODELS.items() for kind in KINDS},
    **{name: partial(measure, arms) for name, arms in GROUPS.items()},
}
"""Sections by name, in the order of the document."""
