"""Time Jumanji's Snake on 10x10 boards, batched by JAX on one core: million env-steps per second.

Run in an environment with jumanji 1.1.2 and jax for CPU:

    python jumanji_snake.py --seconds 1.0 --repeats 5 [--cpu 0]

One JSON object is printed on stdout.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["MPLBACKEND"] = "Agg"

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

BOARD = 10
BATCHES = (1, 256, 4096)
POOL = 32  # pre-drawn action batches, cycled; also the length of one scan
NOTES = (
    "VmapWrapper(AutoResetWrapper(Snake(10, 10))), Snake-v1's class at 10x10 with its default time limit. 'step' is "
    "jax.jit(env.step) called once per step from Python with pre-drawn random actions already on the device, waiting "
    "for the result every 32 steps; state and the float32 (10, 10, 5) observation are materialised each step. 'scan' "
    "is 32 steps inside one jit by lax.scan, keeping the last time step and the sum of rewards, so XLA may drop the "
    "observations of the steps between: a best case for JAX. Compilation is outside the timing. Under vmap the "
    "auto-reset and the fruit draw are computed for every environment at every step. One thread when --cpu is given."
)


def timed(run: Callable[[], None], seconds: float) -> tuple[int, float, float]:
    """Call ``run`` until ``seconds`` have passed; return calls, wall and CPU seconds."""
    calls, start, cpu = 0, time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - start) < seconds:
        run()
        calls += 1
    return calls, wall, time.process_time() - cpu


def build(batch: int, seed: int) -> dict[str, Callable[[], None]]:
    """Return one compiled closure per form, each making POOL steps of ``batch`` environments."""
    import jax
    from jumanji.environments import Snake
    from jumanji.wrappers import AutoResetWrapper, VmapWrapper

    env = VmapWrapper(AutoResetWrapper(Snake(num_rows=BOARD, num_cols=BOARD)))
    reset_key, action_key = jax.random.split(jax.random.PRNGKey(seed))
    state, _ = jax.jit(env.reset)(jax.random.split(reset_key, batch))
    pool = jax.random.randint(action_key, (POOL, batch), 0, 4)
    rows = [jax.block_until_ready(row) for row in pool]
    step = jax.jit(env.step)

    def scan(start: Any, actions: Any) -> Any:
        """Make one step per row of ``actions``; return the last state and time step and the rewards."""

        def body(carry: Any, action: Any) -> Any:
            state, _ = carry
            state, timestep = env.step(state, action)
            return (state, timestep), timestep.reward.sum()

        return jax.lax.scan(body, start, actions)

    compiled_scan = jax.jit(scan)

    def run_step() -> None:
        nonlocal state
        for action in rows:
            state, timestep = step(state, action)
        jax.block_until_ready((state, timestep))

    carry = step(state, rows[0])

    def run_scan() -> None:
        nonlocal carry
        carry, rewards = compiled_scan(carry, pool)
        jax.block_until_ready((carry, rewards))

    return {"step": run_step, "scan": run_scan}


def main() -> None:
    """Parse the options, time every case in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one timed run")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each case, interleaved")
    parser.add_argument("--cpu", type=int, help="pin the process to this core")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})  # before jax starts its threads

    with contextlib.redirect_stdout(sys.stderr):
        cases = {(form, batch): run for batch in BATCHES for form, run in build(batch, args.seed).items()}
        for run in cases.values():
            run()  # compiles
            timed(run, min(0.2, args.seconds))

    rates: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    cpu_rates: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    wall_sum = cpu_sum = 0.0
    for _ in range(args.repeats):
        for case, run in cases.items():
            calls, wall, cpu = timed(run, args.seconds)
            rates[case].append(calls * POOL * case[1] / wall / 1e6)
            cpu_rates[case].append(calls * POOL * case[1] / cpu / 1e6)
            wall_sum, cpu_sum = wall_sum + wall, cpu_sum + cpu

    result: dict[str, Any] = {
        "peer": "jumanji-snake",
        "version": version("jumanji"),
        "jax_version": version("jax"),
        "unit": "million env-steps per second (median of repeats)",
        "seconds": args.seconds,
        "repeats": args.repeats,
        "cpu_share": round(cpu_sum / wall_sum, 3),
        "notes": NOTES,
    }
    for form in ("step", "scan"):
        result[form] = {str(b): round(statistics.median(rates[form, b]), 5) for b in BATCHES}
        result[f"{form}_per_cpu_second"] = {str(b): round(statistics.median(cpu_rates[form, b]), 5) for b in BATCHES}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
