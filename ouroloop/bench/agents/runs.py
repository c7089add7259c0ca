"""What language models bring to runs: arms of several runs each, which differ in who proposes, or in whether they talk.

Arms are compared at equal games, the one-shot and the agentic patcher at equal tokens, the bandit's runs by themselves. The
runs of arms that are compared go side by side, so that the model's server is never idle; no seconds are told of them. The
bandit shares by gain per second, so its runs go one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore, Thread
from typing import Any, Final

import numpy as np

from ouroloop.agents.local.catalog import LLAMA, VLLM
from ouroloop.agents.local.serving import require
from ouroloop.bench.agents.models import served
from ouroloop.bench.timing import Report as Tell
from ouroloop.bench.timing import significant
from ouroloop.inspect.ablation.intervals import interval
from ouroloop.inspect.run import Report
from ouroloop.protocols.canonical import JsonObject
from ouroloop.runs.lifecycle import create, work
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe, load_recipe

MODELS: Final = ("qwen2.5-coder-1.5b", "smollm2-135m", "gemma-3-270m")
RECIPE: Final = Path(__file__).parents[3] / "recipes" / "local-model.toml"
RUNS: Final = 5
GAMES: Final = 3000
"""Games of a run, which two rounds of a search play; a run does not begin a round after them."""
ROUNDS: Final = 8
"""Most rounds of a run: of those whose candidates fail before they play, and of the bandit's, which has to learn first."""
PATCHES: Final = 4
REWARDS: Final = 2
TOKENS: Final = 30_000
"""Tokens of a run of the one-shot and of the agentic patcher; a run does not begin a round that would pass them."""


def asking(model: str, count: int, tokens: int, **more: Any) -> JsonObject:
    """Return the table of a proposer that asks a local model."""
    return {"model": model, "max_tokens": tokens, "timeout_s": 900.0, "count": count, **more}


def searching(slot: str, count: int) -> JsonObject:
    """Return the table of a proposer that searches."""
    return {"use": f"search-{slot}", "count": count}


_BOTH: Final[JsonObject] = {"mode": "meta_learn", "budget": {"rounds": ROUNDS, "games": GAMES}}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to run: the patchers, the designers, and other keys of the recipe. By default each round asks both roles."""

    patchers: list[JsonObject]
    designers: list[JsonObject]
    tables: JsonObject = field(default_factory=lambda: dict(_BOTH))


_FIRST: Final = served(MODELS[0])
_SMALL: Final = tuple(f"{LLAMA}{model}" for model in MODELS[1:])
"""Three servers of vLLM do not fit into 24 GiB, and llama.cpp answers one question of a small model sooner."""
_EQUAL: Final[JsonObject] = {"budget": {"rounds": 100, "tokens": TOKENS}}
_PATCHER, _DESIGNER = asking(_FIRST, PATCHES, 600), asking(_FIRST, REWARDS, 400)
AT_ONCE: Final = 8
"""Runs side by side where the model's server answers several questions at once; more would not fit into 24 GiB."""
ARMS: Final[dict[str, Arm]] = {
    "search": Arm([searching("patcher", PATCHES)], [searching("designer", REWARDS)]),
    "model": Arm([_PATCHER], [_DESIGNER]),
    "both": Arm(
        [searching("patcher", PATCHES // 2), {**_PATCHER, "count": PATCHES // 2}],
        [searching("designer", REWARDS // 2), {**_DESIGNER, "count": REWARDS // 2}],
    ),
    "silent": Arm([_PATCHER], [_DESIGNER], {**_BOTH, "talk": {"wishes": 0}}),
    "one-shot": Arm([_PATCHER], [searching("designer", 0)], _EQUAL),
    "agent": Arm([asking(_FIRST, 2, 600, use="agent-patcher", config={"turns": 3})], [searching("designer", 0)], _EQUAL),
    "bandit": Arm(
        [searching("patcher", 1), *(asking(model, 1, 600) for model in (_FIRST, *_SMALL))],
        [searching("designer", 0)],
        {"budget": {"rounds": ROUNDS}, "sharing": {"share": "bandit", "per": "second"}},
    ),
}
"""Arm by name."""
GROUPS: Final = {
    "roles": ("search", "model", "both", "silent"),
    "turns": ("one-shot", "agent"),
    "bandit": ("bandit",),
}
"""Section of the benchmark -> the arms that it compares."""


def measure(names: Sequence[str], report: Tell, seed: int, runs: int = RUNS) -> dict[str, Any]:
    """Return of each arm the gain in score with a 95 % interval over its runs, what it cost, what each proposer brought."""
    for model in {str(table["model"]) for name in names for table in _proposers(ARMS[name]) if "model" in table}:
        require(model)
    jobs = [(name, number) for number in range(runs) for name in names]
    found: dict[tuple[str, int], dict[str, Any]] = {}
    each = [{**_recipe(ARMS[name]), "seed": seed * runs + number} for name, number in jobs]
    timed = any("sharing" in ARMS[name].tables for name in names)
    for place, brought in _side_by_side(each, AT_ONCE if _FIRST.startswith(VLLM) and not timed else 1):
        name, number = jobs[place]
        found[name, number] = brought
        report(f"run {number + 1} of {name} ended, {brought['gain']:+.1f} foods", len(found) / len(jobs))
    return {name: _summary([found[name, number] for number in range(runs)]) for name in names}


def _proposers(arm: Arm) -> list[JsonObject]:
    return [*arm.patchers, *arm.designers]


def _recipe(arm: Arm) -> JsonObject:
    """Return the recipe of an arm's runs, without their seed."""
    tree = load_recipe(RECIPE).model_dump(mode="json", exclude_none=True)
    return {**tree, **arm.tables, "roles": {"code_patcher": arm.patchers, "reward_designer": arm.designers}}


def _side_by_side(recipes: Sequence[JsonObject], at_once: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each run that has ended, and what it brought. The threads of runs do not outlive the command."""
    ended: SimpleQueue[tuple[int, dict[str, Any] | BaseException]] = SimpleQueue()
    places = BoundedSemaphore(at_once)

    def run(number: int, folder: Path) -> None:
        try:
            with places:
                ended.put((number, _run(recipes[number], folder)))
        except BaseException as error:  # raised again where the results are awaited
            ended.put((number, error))

    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for number in range(len(recipes)):
            Thread(target=run, args=(number, Path(scratch) / f"run-{number + 1}"), daemon=True).start()
        for _ in recipes:
            number, brought = ended.get()
            if isinstance(brought, BaseException):
                raise brought
            yield number, brought


def _run(tables: JsonObject, folder: Path) -> dict[str, Any]:
    create(build_recipe(tables), folder, Quiet(notes=False))
    work(folder, Quiet(notes=False))
    return _brought(folder)


def _brought(folder: Path) -> dict[str, Any]:
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
        "proposers": [
            {key: one[key] for key in ("role", "asked", "passed", "accepted", "gain", "seconds", "tokens")} for one in each
        ],
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    gains = np.array([one["gain"] for one in found])
    mean = interval(gains, 1)
    sums = {key: sum(one[key] for one in found) for key in found[0] if key not in ("gain", "proposers")}
    gained = float(gains.sum())
    return {
        "gain": [mean.difference, mean.low, mean.high],
        "gains": [significant(float(gain), 3) for gain in gains],
        **{key: significant(value, 4) for key, value in sums.items()},
        "tokens_per_food_gained": significant(sums["tokens"] / gained, 3) if gained > 0 else None,
        "proposers": [one["proposers"] for one in found],
    }
