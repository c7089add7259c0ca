"""`ouroloop bench engine`: steps per second, fused, by the batch call and through Gymnasium, beside three peers."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gymnasium
import numpy as np

from ouroloop.bench.timing import Rates, Report, ask_peer, cpu_share, machine, rounds, significant
from ouroloop.envs.snake import gymnasium_env
from ouroloop.envs.snake.engine import batch
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.state import State
from ouroloop.envs.snake.rollout import wander
from ouroloop.envs.snake.teachers.teach import teach

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE: Final = 10
BATCHES: Final = (1, 256, 4096)
GROWTH_BATCHES: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
GROWTH_SIZES: Final = (6, 8, 10, 16, 24, 32, 48, 64, 96, 128)
RECORDED: Final = 128
"""Steps of actions that the batch call replays."""


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document; million steps per second of one core's processor time.

    Args:
        peers: folder of the peers' environments.
        count: interleaved rounds.
        seconds: of each case in each round.
        report: hears of the progress.
    """
    cases: dict[str, Callable[[], int]] = {f"fused {games}": fused(games, SIZE) for games in BATCHES}
    shares = {}
    for kind in ACTIONS:
        for games in BATCHES:
            cases[f"batch {kind} {games}"], shares[f"{kind} {games}"] = batch_call(games, kind)
    cases |= {"single bare": single(False), "single made": single(True)}
    heard: dict[str, list[dict[str, Any]]] = {name: [] for name in ("puffer", "jumanji", "gymsnake")}

    def ask(index: int) -> None:
        drivers = {"puffer": "puffer.py", "jumanji": "jumanji_snake.py", "gymsnake": "gymsnake.py"}
        for name, driver in drivers.items():
            report(f"round {index + 1} of {count}: {name}", index / (count + 1))
            found = ask_peer(peers, name, driver, ["--seconds", str(seconds), "--repeats", "1"])
            if found is not None:
                heard[name].append(found)

    report("compiling", 0.0)
    rates = rounds(cases, count, seconds, ask)
    report("growth", count / (count + 1))
    return document(rates, shares, heard) | {"growth": growth(seconds), "machine": machine()}


def fused(games: int, size: int) -> Callable[[], int]:
    """Return work that lets games make random legal moves inside one call."""
    state = SnakeEngine(np.arange(games, dtype=np.uint64), size).state
    moves = max(16, (1 << 20) // games)

    def work() -> int:
        wander(state, size, moves)
        return moves * games

    return work


def back_of(engine: SnakeEngine, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which actions lead a snake back into its neck."""
    snake = engine.observations().columns["snake"].astype(np.int64)
    step = snake[:, 0] - snake[:, 1]  # from neck to head
    towards = np.array([-engine.size, engine.size, -1, 1])[actions]
    return np.asarray(towards == -step)


def legal(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves that are no death."""
    return teach("random", engine).astype(np.int64)


def forward(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves, those into the neck turned round: what PufferLib's rules make of random actions."""
    actions = rng.integers(0, 4, engine.games)
    return np.where(back_of(engine, actions), actions ^ 1, actions)


def uniform(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves, a quarter of which lead back into the neck and end the game."""
    return rng.integers(0, 4, engine.games)


ACTIONS: Final = {"legal": legal, "forward": forward, "uniform": uniform}
"""How the actions are drawn that the batch call is given."""


def batch_call(games: int, kind: str) -> tuple[Callable[[], int], float]:
    """Return work that steps a batch by recorded actions, boards copied out, and the share of steps that end a game.

    The actions were drawn in the same games before, so that drawing them is not timed.
    """
    rng, cells = np.random.default_rng(0), SIZE * SIZE
    boards, last = np.zeros((games, cells), np.uint8), np.zeros((games, cells), np.uint8)
    rewards, ended, finals = np.zeros(games, np.float32), np.zeros(games, np.int8), np.zeros((games, 5), np.int32)

    def step_of(state: State) -> Callable[..., int]:
        return partial(batch.step_batch, *state, SIZE, batch.SAME_STEP, 0)

    buffers = (boards, last, rewards, ended, finals)
    begun = SnakeEngine(np.arange(games, dtype=np.uint64), SIZE)
    step = step_of(begun.state)
    for _ in range(64):  # games of all ages
        step(legal(begun, rng), *buffers)
    engine, recorded, ends = begun.clone(np.arange(games)), [], 0
    record = step_of(engine.state)
    for _ in range(RECORDED):
        recorded.append(ACTIONS[kind](engine, rng))
        ends += record(recorded[-1], *buffers)
    start, fields = begun.snapshot(), begun.state

    def work() -> int:
        for name, saved in start.items():
            getattr(fields, name)[...] = saved
        for actions in recorded:
            step(actions, boards, last, rewards, ended, finals)
        return games * RECORDED

    return work, ends / (games * RECORDED)


def single(made: bool) -> Callable[[], int]:
    """Return work that steps one environment through its Python method, resets included, as gym-snake's driver does."""
    env: Any = gymnasium.make(gymnasium_env.ID, disable_env_checker=True) if made else gymnasium_env.SnakeEnv()
    env.reset(seed=0)
    rng, recorded = np.random.default_rng(0), []
    for _ in range(2000):
        action = int(forward(env.unwrapped.engine, rng)[0])
        recorded.append(action)
        if env.step(action)[2]:
            env.reset()

    def work() -> int:
        env.reset(seed=0)
        for action in recorded:
            if env.step(action)[2]:
                env.reset()
        return len(recorded)

    return work


def growth(seconds: float) -> dict[str, dict[str, float]]:
    """Return the fused rate by board size (256 games) and the batch call's by batch."""
    sizes = {str(size): fused(256, size) for size in GROWTH_SIZES}
    batches = {str(games): batch_call(games, "legal")[0] for games in GROWTH_BATCHES}
    by_size, by_batch = rounds(sizes, 3, seconds / 4), rounds(batches, 3, seconds / 4)
    return {
        "fused_by_size": {name: significant(r.median / 1e6) for name, r in by_size.items()},
        "batch_call_by_games": {name: significant(r.median / 1e6) for name, r in by_batch.items()},
    }


def document(rates: dict[str, Rates], shares: dict[str, float], heard: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the figures by what they measure, and the ratios to the peers."""

    def rate(name: str) -> float:
        return significant(rates[name].median / 1e6)

    ours: dict[str, Any] = {
        "fused": {str(games): rate(f"fused {games}") for games in BATCHES},
        "batch_call": {kind: {str(games): rate(f"batch {kind} {games}") for games in BATCHES} for kind in ACTIONS},
        "single": {kind: rate(f"single {kind}") for kind in ("bare", "made")},
    }
    found: dict[str, Any] = {
        "unit": "million steps per second of one core",
        "size": SIZE,
        **ours,
        "batch_call_ends": {name: significant(share) for name, share in shares.items()},
        "cpu_share": cpu_share(rates),
        "peers": {},
        "ratios": {},
    }
    if heard["puffer"]:
        peer = {view: median_of(heard["puffer"], "c_step_per_cpu_second", view) for view in ("obs9", "obs121")}
        found["peers"]["pufferlib"] = {"version": heard["puffer"][0]["version"], **peer}
        for games in ("256", "4096"):
            found["ratios"][f"fused {games} / pufferlib 9-byte"] = significant(ours["fused"][games] / peer["obs9"][games])
            found["ratios"][f"fused {games} / pufferlib 121-byte"] = significant(ours["fused"][games] / peer["obs121"][games])
            for kind in ACTIONS:
                ratio = ours["batch_call"][kind][games] / peer["obs121"][games]
                found["ratios"][f"batch call, {kind}, {games} / pufferlib 121-byte"] = significant(ratio)
    if heard["jumanji"]:
        steps = median_of(heard["jumanji"], "step_per_cpu_second")
        found["peers"]["jumanji"] = {"version": heard["jumanji"][0]["version"], **steps}
        ratio = ours["batch_call"]["legal"]["4096"] / steps["4096"]
        found["ratios"]["batch call, legal, 4096 / jumanji"] = significant(ratio)
    if heard["gymsnake"]:
        steps = median_of(heard["gymsnake"], "step_per_cpu_second")
        found["peers"]["gym-snake"] = {"version": heard["gymsnake"][0]["version"], **steps}
        found["ratios"]["single bare / gym-snake"] = significant(ours["single"]["bare"] / steps["bare"])
        found["ratios"]["single made / gym-snake"] = significant(ours["single"]["made"] / steps["made"])
    return found


def median_of(answers: list[dict[str, Any]], *path: str) -> dict[str, float]:
    """Return, key by key, the median of a table over the rounds."""
    tables = []
    for answer in answers:
        table: Any = answer
        for name in path:
            table = table[name]
        tables.append(table)
    return {key: significant(statistics.median(table[key] for table in tables)) for key in tables[0]}
