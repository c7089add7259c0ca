"""Time gym-snake's single environment on a 10x10 board: million env-steps per second.

Run in an environment with gym-snake 0.1.7 and an old gym (0.21):

    python gymsnake.py --seconds 1.0 --repeats 5 [--cpu 0]

One JSON object is printed on stdout.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

import argparse
import contextlib
import json
import statistics
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np

with contextlib.redirect_stdout(sys.stderr):
    import gym
    import gym_snake  # noqa: F401  (registers Snake-v0; prints a banner)
    from gym_snake.envs import SnakeEnv

BOARD = 10
POOL = 4096  # pre-drawn actions, cycled
NOTES = (
    "env.step(action) with pre-drawn uniform random actions, and env.reset() after each done, both inside the timed "
    "loop; no rendering. 'bare' is SnakeEnv(dim=10) itself, 'made' is gym.make('Snake-v0', dim=10) with gym's "
    "order-enforcing wrapper. The game: body as a list of [x, y] lists, observation (head x, head y, apple x, "
    "apple y), a new snake has length 1, the episode ends at 200 steps at most."
)


def timed(env: Any, actions: list[int], seconds: float) -> tuple[int, int, float, float]:
    """Step ``env`` for ``seconds``; return steps, episodes, wall and CPU seconds."""
    steps = episodes = 0
    env.reset()
    start, cpu = time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - start) < seconds:
        for action in actions:
            if env.step(action)[2]:
                env.reset()
                episodes += 1
        steps += len(actions)
    return steps, episodes, wall, time.process_time() - cpu


def main() -> None:
    """Parse the options, time both forms in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one timed run")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each case, interleaved")
    parser.add_argument("--cpu", type=int, help="pin the process to this core")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})

    actions: list[int] = np.random.default_rng(args.seed).integers(0, 4, POOL).tolist()
    np.random.seed(args.seed)  # gym-snake draws from numpy's global generator
    envs: dict[str, Any] = {"bare": SnakeEnv(dim=BOARD), "made": gym.make("Snake-v0", dim=BOARD)}

    for env in envs.values():
        timed(env, actions, min(0.2, args.seconds))
    rates: dict[str, list[float]] = {name: [] for name in envs}
    cpu_rates: dict[str, list[float]] = {name: [] for name in envs}
    steps_sum = episodes_sum = 0
    wall_sum = cpu_sum = 0.0
    for _ in range(args.repeats):
        for name, env in envs.items():
            steps, episodes, wall, cpu = timed(env, actions, args.seconds)
            rates[name].append(steps / wall / 1e6)
            cpu_rates[name].append(steps / cpu / 1e6)
            steps_sum, episodes_sum = steps_sum + steps, episodes_sum + episodes
            wall_sum, cpu_sum = wall_sum + wall, cpu_sum + cpu

    result: dict[str, Any] = {
        "peer": "gym-snake",
        "version": version("gym-snake"),
        "gym_version": version("gym"),
        "unit": "million env-steps per second (median of repeats)",
        "seconds": args.seconds,
        "repeats": args.repeats,
        "cpu_share": round(cpu_sum / wall_sum, 3),
        "steps_per_episode": round(steps_sum / max(1, episodes_sum), 2),
        "step": {name: round(statistics.median(values), 4) for name, values in rates.items()},
        "step_per_cpu_second": {name: round(statistics.median(values), 4) for name, values in cpu_rates.items()},
        "notes": NOTES,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
