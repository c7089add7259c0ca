"""Requests for the roles' tests, made of the real game's features and toolkit."""

from __future__ import annotations

import sys

import numpy as np

import ouroloop.envs.snake.toolkit as toolkit_module
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.messages import Diagnosis, Finding, PatchRequest, RewardRequest, Tool, Tried
from ouroloop.protocols.records import RewardSpec

TASK = SnakeTask(size=6)
TOOLS = tuple(Tool(name=t.name, signature=t.signature, doc=t.doc, kind=t.kind) for t in TASK.toolkit)
FACTS = Diagnosis(
    games=64,
    score=2.0,
    score_low=1.5,
    score_high=2.5,
    utility=0.06,
    win_rate=0.0,
    deaths={"wall": 0.5, "body": 0.45, "starved": 0.05},
    regret={"early": 0.3, "middle": 0.3, "late": 0.4},
    avoidable=0.8,
    transcripts=("H . .\n. o F",),
)
DIAGNOSIS = FACTS.model_copy(
    update={
        "findings": (
            Finding(name="hits_wall", weight=0.5, evidence="50 % of 64 games end by running into a wall or the border"),
            Finding(name="hits_body", weight=0.45, evidence="45 % of 64 games end by running into the own body"),
        )
    }
)


def patch_request(seed: int = 0, count: int = 8, source: str | None = None, tried: tuple[Tried, ...] = ()) -> PatchRequest:
    return PatchRequest(
        task="snake",
        mode="bug_fix",
        count=count,
        seed=seed,
        diagnosis=DIAGNOSIS,
        source=TASK.start_controller if source is None else source,
        actions=TASK.actions,
        toolkit=TOOLS,
        tried=tried,
    )


def reward_request(
    seed: int = 0,
    count: int = 8,
    mode: str = "reward_refresh",
    incumbent: RewardSpec | None = None,
    tried: tuple[Tried, ...] = (),
) -> RewardRequest:
    return RewardRequest(
        task="snake",
        mode=mode,
        count=count,
        seed=seed,
        diagnosis=DIAGNOSIS,
        incumbent=incumbent or RewardSpec(),
        features=dict(TASK.features),
        tried=tried,
    )


def apply(diff: str, base: str) -> str:
    """Apply a unified diff exactly, hunk by hunk; the old lines that it names must be there."""
    old, new, at = base.splitlines(True), [], 0
    lines = diff.splitlines(True)
    assert lines[0] == "--- a/controller.py\n"
    assert lines[1] == "+++ b/controller.py\n"
    for line in lines[2:]:
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0].removeprefix("-"))
            new += old[at : max(start - 1, 0)]
            at = max(start - 1, 0)
        elif line.startswith("+"):
            new.append(line[1:])
        elif line.startswith("\\"):
            continue
        else:
            assert old[at].rstrip("\n") == line[1:].rstrip("\n")
            new += [old[at]] if line.startswith(" ") else []
            at += 1
    return "".join(new + old[at:])


def play(source: str, monkeypatch, games: int = 16, seed: int = 0) -> float:
    """Play a controller natively under random logits; return the mean utility. Every action must be an int in 0..3."""
    monkeypatch.setitem(sys.modules, "toolkit", toolkit_module)
    names: dict[str, object] = {}
    exec(compile(source, "controller.py", "exec"), names)
    engine, rng = TASK.engine(np.arange(seed, seed + games, dtype=np.uint64)), np.random.default_rng(seed)
    while not engine.done.all():
        rows = np.flatnonzero(~engine.done)
        observations = engine.observations(rows)
        actions = np.zeros(games, np.int8)
        for i, row in enumerate(rows):
            action = names["act"](observations.row(i), rng.normal(size=4).tolist())
            assert type(action) is int
            assert 0 <= action < 4
            actions[row] = action
        engine.step(actions)
    return float(engine.outcomes().utility.mean())
