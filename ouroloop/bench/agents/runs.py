"""What language models bring to a run: a search, a local model, and both together, in runs of equal rounds and candidates."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from ouroloop.agents.local.catalog import PROVIDER
from ouroloop.agents.local.serving import require
from ouroloop.bench.timing import Report as Tell
from ouroloop.bench.timing import significant
from ouroloop.inspect.ablation.intervals import interval
from ouroloop.inspect.run import Report
from ouroloop.protocols.canonical import JsonObject
from ouroloop.runs.lifecycle import create, work
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe, load_recipe

MODEL: Final = "qwen2.5-coder-1.5b"
RECIPE: Final = Path(__file__).parents[3] / "recipes" / "local-model.toml"
RUNS: Final = 5
ROUNDS: Final = 3
PATCHES: Final = 4
REWARDS: Final = 2
WHO: Final = ("search", "model", "both")


def proposers(who: str, search: str, count: int, tokens: int) -> list[JsonObject]:
    """Return the tables of a slot; together its proposers give `count` candidates a round."""
    model: JsonObject = {"model": f"{PROVIDER}{MODEL}", "max_tokens": tokens, "timeout_s": 900.0}
    shares: dict[str, list[JsonObject]] = {
        "search": [{"use": search, "count": count}],
        "model": [{**model, "count": count}],
        "both": [{"use": search, "count": count // 2}, {**model, "count": count - count // 2}],
    }
    return shares[who]


def measure(report: Tell, *, seed: int = 0, runs: int = RUNS) -> dict[str, Any]:
    """Return, for each kind of proposers, the gain in score with a 95 % interval over runs, and what it cost."""
    require(MODEL)
    tree = load_recipe(RECIPE).model_dump(mode="json", exclude_none=True)
    document: dict[str, Any] = {"model": MODEL, "rounds": ROUNDS}
    for index, who in enumerate(WHO):
        found: list[dict[str, float]] = []
        for number in range(runs):
            report(f"{who}, run {number + 1} of {runs}", (index + number / runs) / len(WHO))
            roles = {
                "code_patcher": proposers(who, "search-patcher", PATCHES, 600),
                "reward_designer": proposers(who, "search-designer", REWARDS, 400),
            }
            with TemporaryDirectory() as folder:
                tables = {**tree, "roles": roles, "seed": seed * runs + number, "budget": {"rounds": ROUNDS}}
                found.append(_run(Path(folder) / "run", tables))
        document[who] = _summary(found)
    return document


def _run(folder: Path, tables: JsonObject) -> dict[str, float]:
    create(build_recipe(tables), folder, Quiet(notes=False))
    work(folder, Quiet(notes=False))
    with closing(Report(folder)) as opened:
        document = opened.document()
    start, now, used = document["start"], document["incumbent"], document["totals"]
    assert start is not None, "a finished run has scored its start"
    assert now is not None, "a finished run has scored what plays now"
    each = document["proposers"]
    return {
        "gain": now["score"]["mean"] - start["score"]["mean"],
        "asked": sum(one["asked"] for one in each),
        "passed": sum(one["passed"] for one in each),
        "accepted": sum(one["accepted"] for one in each),
        "games": used["games"],
        "tokens": used["tokens"],
        "seconds": used["wall_s"],
    }


def _summary(found: list[dict[str, float]]) -> dict[str, Any]:
    gains = np.array([one["gain"] for one in found])
    mean = interval(gains, 1)
    sums = {key: sum(one[key] for one in found) for key in found[0] if key != "gain"}
    gained = float(gains.sum())
    return {
        "gain": [mean.difference, mean.low, mean.high],
        "gains": [significant(float(gain), 3) for gain in gains],
        **{key: significant(value, 4) for key, value in sums.items()},
        "seconds_per_food_gained": significant(sums["seconds"] / gained, 3) if gained > 0 else None,
        "tokens_per_food_gained": significant(sums["tokens"] / gained, 3) if gained > 0 else None,
    }
