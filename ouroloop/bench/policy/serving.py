"""How fast a policy decides: our forward pass in this process beside vLLM and `transformers`, on the same processor.

All see the same positions and use the shipped Snake-GPT of 10x10. Ours begins with observations; vLLM's prompts are made
beforehand. vLLM runs offline, which saves it the server, in its own environment and in both precisions, on one thread as we
do; its prefix cache is on. Rounds are interleaved. The headline compares our best batch in float32 with vLLM's best batch and
precision, by processor time and by wall time, and takes whichever is less favourable to us.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.peers.servers import PRECISIONS, start_peers
from ouroloop.bench.policy.rates import BATCHES, ROUNDS, Work, interleaved, speedups, table
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases.player import HfPolicy
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import load, threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

POLICY: Final = "snake-gpt-10x10"
SEED: Final = 6
POSITIONS: Final = 4096


def measure(seconds: float, report: Report) -> dict[str, Any]:
    """Return decisions per second by player and batch; see the module.

    Args:
        seconds: total measuring time of all players.
        report: called with the progress.

    Raises:
        SurroundingsError: vLLM is installed but fails.
    """
    threads(1)
    folder = find_policy(POLICY)
    policy = load(folder)
    bank = SnakeTask(int(policy.encoding.settings["size"])).positions(SEED, POSITIONS).observations()
    bank = bank.take(np.random.default_rng(SEED).permutation(POSITIONS))
    ids, mask = policy.encode(bank)
    players = {f"ours {precision}": LocalPolicy(policy, precision=precision).logits for precision in PRECISIONS}
    work = {name: deciding(logits, bank) for name, logits in players.items()}
    work["transformers float32"] = deciding(HfPolicy(policy).logits, bank)
    moves = {name: logits(bank).argmax(axis=1) for name, logits in players.items()}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        report("starting vLLM", 0.0)
        prompts = [row[seen].tolist() for row, seen in zip(ids, mask, strict=True)]
        for name, peer in start_peers(stack, Path(scratch), folder, prompts).items():
            work[name], moves[name] = peer.rate, peer.moves()
        speeds = interleaved(work, seconds / (ROUNDS * len(BATCHES) * len(work)), report)
    return {
        "policy": POLICY,
        "parameters": int(policy.model.num_parameters()),
        "tokens_per_decision": significant(float(mask.sum(axis=1).mean()), 3),
        **speedups(speeds),
        "decisions_per_cpu_s": table(speeds, lambda speed: speed.cpu),
        "decisions_per_wall_s": table(speeds, lambda speed: speed.wall),
        "same_moves": {name: significant(float((made == moves["ours float32"]).mean())) for name, made in moves.items()},
        "machine": machine(),
    }


def deciding(logits: Callable[[Observations], NDArray[np.float32]], bank: Observations) -> Work:
    """Return a player's work in this process: deciding batches of the bank, one after the other."""
    place = 0

    def work(batch: int, seconds: float) -> tuple[int, float, float]:
        nonlocal place
        done, wall, cpu = 0, time.perf_counter(), time.thread_time()
        while time.perf_counter() - wall < seconds:
            logits(bank.take(np.arange(place, place + batch) % len(bank)))
            place, done = place + batch, done + batch
        return done, time.perf_counter() - wall, time.thread_time() - cpu

    return work
