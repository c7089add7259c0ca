"""Time PufferLib's Ocean snake on 10x10 boards: million env-steps per second.

Run in an environment with pufferlib 3.0.0 and its snake binding:

    python puffer.py --seconds 1.0 --repeats 5 [--cpu 0]

One JSON object is printed on stdout.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

with contextlib.redirect_stdout(sys.stderr):
    from pufferlib.ocean.snake import binding
    from pufferlib.ocean.snake.snake import Snake

BOARD = 10
BATCHES = (1, 256, 4096)
VISIONS = {"obs121": 5, "obs9": 1}
POOL_CELLS = 1 << 18  # pre-drawn actions per batch size: 1 MiB of int32 at most
NOTES = (
    "One map per environment, one snake and one food per map, defaults otherwise; leave_corpse_on_death "
    "is on by default, so a dead snake leaves edible cells, and off with --no-corpse. "
    "PufferLib walls in `vision` cells on each side, so width = height = 10 + 2*vision gives a 10x10 playable area. "
    "'step' is Snake.step(actions), the public Python call: copy of pre-drawn int32 actions into the shared buffer, "
    "one C call over the batch, and the vec_log call that it makes every 128 steps; dead snakes respawn inside the "
    "step. 'c_step' is the same without the Python method around it: the actions are copied in and binding.vec_step is "
    "called, with no result tuple and no log. Both include writing "
    "(2*vision+1)^2 int8 observations and float32 rewards. The game leaves terminals untouched (always False)."
)


def make_env(batch: int, vision: int, corpse: bool, seed: int) -> Snake:
    """Return a reset batch of single-snake 10x10 environments."""
    size = BOARD + 2 * vision
    env = Snake(
        num_envs=batch,
        width=size,
        height=size,
        num_snakes=1,
        num_food=1,
        vision=vision,
        leave_corpse_on_death=corpse,
        seed=seed,
    )
    env.reset(seed=seed)
    return env


def run_step(env: Snake, pool: np.ndarray, calls: int) -> None:
    """Step through the public method, cycling through the pre-drawn actions."""
    step = env.step
    rows = list(pool)
    for _ in range(calls // len(rows)):
        for actions in rows:
            step(actions)


def run_c_step(env: Snake, pool: np.ndarray, calls: int) -> None:
    """Step through the compiled binding, cycling through the pre-drawn actions."""
    vec_step, handle, buffer = binding.vec_step, env.c_envs, env.actions
    rows = list(pool)
    for _ in range(calls // len(rows)):
        for actions in rows:
            buffer[:] = actions
            vec_step(handle)


def timed(run: Callable[[int], None], unit: int, seconds: float) -> tuple[int, float, float]:
    """Call ``run(unit)`` until ``seconds`` have passed; return calls, wall and CPU seconds."""
    calls, start, cpu = 0, time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - start) < seconds:
        run(unit)
        calls += unit
    return calls, wall, time.process_time() - cpu


def main() -> None:
    """Parse the options, time every case in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one timed run")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each case, interleaved")
    parser.add_argument("--cpu", type=int, help="pin the process to this core")
    parser.add_argument("--no-corpse", action="store_true", help="a dead snake leaves no food, as in plain Snake")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})

    rng = np.random.default_rng(args.seed)
    cases: dict[tuple[str, str, int], tuple[Callable[[int], None], int]] = {}
    for batch in BATCHES:
        rows = max(16, min(1024, POOL_CELLS // batch))
        pool = rng.integers(0, 4, size=(rows, batch), dtype=np.int32)
        for name, vision in VISIONS.items():
            env = make_env(batch, vision, not args.no_corpse, args.seed)
            assert env.observations[0].nbytes == (2 * vision + 1) ** 2
            cases["step", name, batch] = partial(run_step, env, pool), rows
            cases["c_step", name, batch] = partial(run_c_step, env, pool), rows

    rates: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    cpu_rates: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    wall_sum = cpu_sum = 0.0
    for run, unit in cases.values():
        timed(run, unit, min(0.2, args.seconds))
    for _ in range(args.repeats):
        for case, (run, unit) in cases.items():
            calls, wall, cpu = timed(run, unit, args.seconds)
            rates[case].append(calls * case[2] / wall / 1e6)
            cpu_rates[case].append(calls * case[2] / cpu / 1e6)
            wall_sum, cpu_sum = wall_sum + wall, cpu_sum + cpu

    result: dict[str, Any] = {
        "peer": "pufferlib-ocean-snake",
        "version": version("pufferlib"),
        "unit": "million env-steps per second (median of repeats)",
        "seconds": args.seconds,
        "repeats": args.repeats,
        "leave_corpse_on_death": not args.no_corpse,
        "cpu_share": round(cpu_sum / wall_sum, 3),
        "notes": NOTES,
    }
    for call in ("step", "c_step"):
        result[call] = {name: {str(b): round(statistics.median(rates[call, name, b]), 4) for b in BATCHES} for name in VISIONS}
        result[f"{call}_per_cpu_second"] = {
            name: {str(b): round(statistics.median(cpu_rates[call, name, b]), 4) for b in BATCHES} for name in VISIONS
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
