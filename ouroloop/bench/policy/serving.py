"""How fast a policy decides: our forward pass in process beside vLLM and beside `transformers`, on the same processor.

All see the same positions and the shipped Snake-GPT of 10x10. Ours begins with observations; the prompts of vLLM are made
before. vLLM runs offline, which spares it the server, in its own environment and in both precisions, computing with one thread
as we do; its prefix cache is on. Rounds are interleaved. The headline compares the best batch of ours in float32 with the best
batch and precision of vLLM, by processor time and by wall time, whichever says less for us.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.timing import DRIVERS, Report, machine, significant
from ouroloop.envs.snake.encodings import ACTIONS
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases.player import HfPolicy
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.serving.vllm_server import end_group, servable, vllm_python, vllm_settings
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import load, threads
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.serving.local import Precision
    from ouroloop.protocols.records import Observations

POLICY: Final = "snake-gpt-10x10"
SEED: Final = 6
POSITIONS: Final = 4096
BATCHES: Final = (1, 16, 64, 256)
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
ROUNDS: Final = 5
LOG_LINES: Final = 10
"""Lines of vLLM's log that an error shows."""

Work = Callable[[int, float], tuple[int, float, float]]
"""Batch size and seconds -> decisions made, wall time, processor time."""


@dataclass(slots=True)
class Speed:
    """Decisions per second of one player in batches of one size, an entry a round."""

    per_cpu_s: list[float] = field(default_factory=list)
    per_wall_s: list[float] = field(default_factory=list)

    def add(self, decisions: int, wall_s: float, cpu_s: float) -> None:
        """Add a round."""
        self.per_cpu_s.append(decisions / cpu_s)
        self.per_wall_s.append(decisions / wall_s)

    @property
    def cpu(self) -> float:
        """Median by processor time."""
        return statistics.median(self.per_cpu_s)

    @property
    def wall(self) -> float:
        """Median by wall time."""
        return statistics.median(self.per_wall_s)


Speeds = dict[str, dict[int, Speed]]
"""By player and batch."""


def measure(seconds: float, report: Report) -> dict[str, Any]:
    """Return decisions per second by player and batch; see the module.

    Args:
        seconds: to measure for, all players together.
        report: hears of the progress.

    Raises:
        SurroundingsError: vLLM is installed and fails.
    """
    threads(1)
    folder = find_policy(POLICY)
    policy = load(folder)
    bank = SnakeTask(policy.size).positions(SEED, POSITIONS).observations()
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
    """Return a player's work in this process: batches of the bank, one after the other."""
    place = 0

    def work(batch: int, seconds: float) -> tuple[int, float, float]:
        nonlocal place
        done, wall, cpu = 0, time.perf_counter(), time.thread_time()
        while time.perf_counter() - wall < seconds:
            logits(bank.take(np.arange(place, place + batch) % len(bank)))
            place, done = place + batch, done + batch
        return done, time.perf_counter() - wall, time.thread_time() - cpu

    return work


def interleaved(work: Mapping[str, Work], seconds: float, report: Report) -> Speeds:
    """Let every player decide in batches of every size for so many seconds, `ROUNDS` times over after a warm-up."""
    speeds: Speeds = {name: {batch: Speed() for batch in BATCHES} for name in work}
    for turn in range(ROUNDS + 1):
        report("serving: warm-up" if turn == 0 else f"serving: round {turn} of {ROUNDS}", turn / (ROUNDS + 1))
        for batch in BATCHES:
            for name, player in work.items():
                found = player(batch, seconds if turn else 0.0)
                if turn:
                    speeds[name][batch].add(*found)
    return speeds


def speedups(speeds: Speeds) -> dict[str, Any]:
    """Return how much faster ours is in float32 than the others at their best; None for vLLM where it is not installed."""

    def best(player: str, rate: Callable[[Speed], float]) -> float:
        return max(rate(speed) for name in speeds if name.startswith(player) for speed in speeds[name].values())

    def faster(player: str) -> dict[str, float]:
        rates: dict[str, Callable[[Speed], float]] = {"cpu": lambda speed: speed.cpu, "wall": lambda speed: speed.wall}
        return {kind: significant(best("ours float32", rate) / best(player, rate), 3) for kind, rate in rates.items()}

    vllm = faster("vllm") if any(name.startswith("vllm") for name in speeds) else None
    return {
        "speedup_over_vllm": min(vllm.values()) if vllm else None,
        "speedup_over_vllm_by": vllm,
        "speedup_over_transformers": min(faster("transformers").values()),
    }


def table(speeds: Speeds, rate: Callable[[Speed], float]) -> list[dict[str, Any]]:
    """Return a row for each batch size: the players' rates."""
    return [{"batch": batch, **{name: significant(rate(of[batch]), 3) for name, of in speeds.items()}} for batch in BATCHES]


@dataclass(frozen=True, slots=True)
class Peer:
    """vLLM in a process of its own, which answers line by line; see `benchmarks/peers/vllm_policy.py`.

    Args:
        process: it.
        log: where its standard error goes.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, line: str = "") -> dict[str, Any]:
        """Send a line, where there is one; return the next answer.

        Raises:
            SurroundingsError: it ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if line:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            log = "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise SurroundingsError(f"vLLM ended in the benchmark; make its environment again (`make vllm`):\n{log}")
        found: dict[str, Any] = json.loads(said)
        return found

    def rate(self, batch: int, seconds: float) -> tuple[int, float, float]:
        """Decide; see `Work`."""
        found = self.ask(f"rate {batch} {seconds}")
        return found["decisions"], found["wall_s"], found["cpu_s"]

    def moves(self) -> NDArray[np.int64]:
        """Return its moves after all prompts: (B,) int64."""
        tokens = self.ask(" ".join(("moves", *map(str, ACTIONS))))["tokens"]
        return np.array([ACTIONS.index(token) for token in tokens], dtype=np.int64)


def start_peers(stack: ExitStack, scratch: Path, policy: Path, prompts: list[list[int]]) -> dict[str, Peer]:
    """Start vLLM in each precision, ended with the stack; none where its environment is missing."""
    try:
        python = vllm_python()
    except SurroundingsError:
        return {}
    (scratch / "prompts.json").write_text(json.dumps(prompts))
    folder = servable(policy, scratch / "policy")
    return {f"vllm {kind}": stack.enter_context(running(python, scratch, folder, kind)) for kind in PRECISIONS}


@contextmanager
def running(python: Path, scratch: Path, folder: Path, precision: Precision) -> Iterator[Peer]:
    """Run vLLM until the block ends."""
    log = scratch / f"{precision}.log"
    arguments = [str(folder), str(scratch / "prompts.json"), precision]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(python), str(DRIVERS / "vllm_policy.py"), *arguments],
            cwd=scratch,
            env=vllm_settings(1),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
        )
    try:
        peer = Peer(process, log)
        peer.ask()
        yield peer
    finally:
        end_group(process)
