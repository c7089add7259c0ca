"""How well a player plays: scores with their interval, how games end, how varied the moves are, and how fast it is.

Games advance together in batches of fixed size, in the order of their seeds, and batches run in parallel on threads. Apart
from times, the result depends on the seeds, the player and the batch size, but not on the number of threads. No torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np

from ouroloop.envs.capabilities import teachers_of
from ouroloop.envs.intervals import score_interval, share_interval
from ouroloop.envs.loop import join_outcomes, play_out
from ouroloop.policy.choice import Mover, Sampling, entropy_of, odds_of, rated_by, taught_by
from ouroloop.policy.report import EvaluationDocument
from ouroloop.protocols.records import Estimate, Observations, Outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Policy, Session, Task

BATCH: Final = 50
"""Games that advance together: a forward pass of this many is near its best speed, and a hundred games keep two cores busy."""
COUNTED_EVERY: Final = 8
"""Steps from one count of the prompts' tokens to the next, since counting writes a prompt once more."""
ROLLED: Final = 1024
"""Games of a teacher between two progress reports."""

OpenSession: TypeAlias = "Callable[[], Session]"
OnBatch: TypeAlias = Callable[[int, int], None]
"""Called with the number of games finished and the number asked for, from any thread, one call at a time."""


@runtime_checkable
class Reads(Protocol):
    """Something that writes a board as tokens; a `language.LanguagePolicy` is one."""

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, L) int32 and mask (B, L) bool."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    Args:
        outcomes: how the games ended, in the order of the seeds.
        causes: names of the ways a game can end.
        score: mean and 95 % interval, see `envs.intervals`.
        sampling: how moves were drawn; None if the highest logit was played.
        action_diversity: mean over the games of the entropy of a game's moves, in nats; None if it was not measured.
        policy_entropy: mean over the decisions of the entropy of the policy's distribution, at the sampling's temperature
            (1 if the highest logit was played), in nats; None for a player without one.
        tokens_per_decision: mean length of the prompts; None for a player that reads none.
        seconds: wall time; it is ignored in comparisons.
    """

    outcomes: Outcomes
    causes: tuple[str, ...]
    score: Estimate
    sampling: Sampling | None
    action_diversity: float | None
    policy_entropy: float | None
    tokens_per_decision: float | None
    seconds: float = field(compare=False)

    @property
    def decisions(self) -> int:
        """Moves made in all games."""
        return int(self.outcomes.steps.sum())

    @property
    def decisions_per_s(self) -> float:
        """Moves made per second of wall time."""
        return self.decisions / max(self.seconds, 1e-9)

    @property
    def endings(self) -> dict[str, float]:
        """The share of the games that ended in each way."""
        return {name: float((self.outcomes.cause == index).mean()) for index, name in enumerate(self.causes)}

    @property
    def choice(self) -> str:
        """How moves were chosen: `greedy` (the highest logit), `sampled`, or `taught` (a teacher has no logits)."""
        if self.policy_entropy is None:
            return "taught"
        return "greedy" if self.sampling is None else "sampled"

    def to_document(self) -> EvaluationDocument:
        """Return what `ouroloop eval --json` prints."""
        o, per_s, tokens = self.outcomes, self.decisions_per_s, self.tokens_per_decision
        low, high = share_interval(int(o.won.sum()), len(o.won))
        return {
            "games": len(o.score),
            "score": {"mean": self.score.mean, "low": self.score.low, "high": self.score.high},
            "win_rate": float(o.won.mean()),
            "win_rate_low": low,
            "win_rate_high": high,
            "path_optimality": float(o.path_optimality.mean()),
            "steps_mean": float(o.steps.mean()),
            "decisions_per_s": per_s,
            "score_sd": float(o.score.std()),
            "utility": float(o.utility.mean()),
            "causes": self.endings,
            "choice": self.choice,
            "temperature": None if self.sampling is None else self.sampling.temperature,
            "action_diversity": self.action_diversity,
            "policy_entropy": self.policy_entropy,
            "tokens_per_decision": tokens,
            "tokens_per_s": None if tokens is None else tokens * per_s,
            "seconds": self.seconds,
        }


def evaluate(
    task: Task,
    policy: Policy | str,
    seeds: NDArray[np.uint64],
    *,
    sampled: bool = False,
    temperature: float = 1.0,
    seed: int = 0,
    open_session: OpenSession | None = None,
    batch: int = BATCH,
    threads: int = 1,
    on_batch: OnBatch | None = None,
) -> Evaluation:
    """Let a player play one game per seed and return how it did.

    Args:
        task: the game.
        policy: rates the actions; or the name of a teacher, which without a controller plays compiled, on all processors.
        seeds: (G,) uint64, at least one.
        sampled: draw the moves from the policy's distribution instead of playing the highest logit.
        temperature: of the sampling.
        seed: of the sampling.
        open_session: opens a controller that turns logits into moves, in a separate session for each batch.
        batch: games that advance together.
        threads: batches that play in parallel.
        on_batch: called with the number of finished games.

    Raises:
        UsageError: the temperature is not possible, or the teacher is unknown.
        CandidateFault: the controller failed.
        TrainingError: the policy's logits are not finite.
    """
    keys = np.asarray(seeds, dtype=np.uint64)
    sampling = Sampling(seed, temperature) if sampled else None
    begun, batches = time.perf_counter(), list[Batch]()
    if isinstance(policy, str) and open_session is None:
        outcomes = _rolled_out(task, policy, keys, on_batch)
    else:
        rate = taught_by(task, policy) if isinstance(policy, str) else rated_by(policy)
        reader = getattr(policy, "policy", None)
        hall = Hall(Mover(rate, sampling), open_session, reader if isinstance(reader, Reads) else None, len(keys), on_batch)
        batches = [Batch(hall, task.engine(part), part) for part in np.split(keys, range(batch, len(keys), batch))]
        play_all(batches, threads)
        outcomes = join_outcomes([played.engine.outcomes() for played in batches])
    seconds = time.perf_counter() - begun
    prompts = sum(played.prompts for played in batches)
    return Evaluation(
        outcomes=outcomes,
        causes=task.causes,
        score=score_interval(outcomes.score, task.score_bound),
        sampling=sampling,
        action_diversity=_diversity(batches) if batches else None,
        policy_entropy=None if isinstance(policy, str) else sum(b.entropy for b in batches) / max(1, int(outcomes.steps.sum())),
        tokens_per_decision=sum(played.tokens for played in batches) / prompts if prompts else None,
        seconds=seconds,
    )


class Stopped(Exception):
    """Another batch failed, or the user interrupted."""


@dataclass(slots=True)
class Hall:
    """What parallel batches share.

    Args:
        mover: chooses the moves.
        open_session: opens a controller.
        reader: writes the prompts.
        games: number in all batches.
        on_batch: called with the number of finished games.
    """

    mover: Mover
    open_session: OpenSession | None
    reader: Reads | None
    games: int
    on_batch: OnBatch | None
    stop: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    finished: int = 0

    def finish(self, count: int) -> None:
        """Count finished games, and report them."""
        with self.lock:
            self.finished += count
            if self.on_batch is not None and count:
                self.on_batch(self.finished, self.games)


@dataclass(slots=True)
class Batch:
    """Games that advance together, and the record of them.

    Args:
        hall: what it shares with the other batches.
        engine: B games.
        keys: (B,) uint64, their seeds.
        moves: (B, A) int64, how often each action was played.
        entropy: of the policy's distribution, summed over the decisions.
        prompts, tokens: number of prompts whose tokens were counted, and of their tokens.
    """

    hall: Hall
    engine: Engine
    keys: NDArray[np.uint64]
    moves: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    entropy: float = 0.0
    prompts: int = 0
    tokens: int = 0
    step: int = 0

    def play(self) -> None:
        """Play the games to their end; a failure stops the other batches before its thread takes the next one."""
        if self.hall.stop.is_set():
            raise Stopped
        try:
            self._play()
        except BaseException:
            self.hall.stop.set()
            raise

    def _play(self) -> None:
        open_session, running = self.hall.open_session, len(self.keys)
        with nullcontext() if open_session is None else closing(open_session()) as session:

            def decide(observations: Observations) -> NDArray[np.integer]:
                nonlocal running
                self.hall.finish(running - len(observations))
                running = len(observations)
                return self._decide(observations, session)

            play_out(self.engine, decide)
        self.hall.finish(running)

    def _decide(self, observations: Observations, session: Session | None) -> NDArray[np.integer]:
        """Choose and record the moves of the unfinished games."""
        if self.hall.stop.is_set():
            raise Stopped
        mover, reader, rows = self.hall.mover, self.hall.reader, np.flatnonzero(~self.engine.done)
        logits, actions = mover.choose(self.engine, rows, observations, self.keys[rows], self.step, session)
        if not self.moves.size:
            self.moves = np.zeros((self.engine.games, logits.shape[1]), np.int64)
        self.moves[rows, actions] += 1
        self.entropy += float(entropy_of(odds_of(logits, mover.temperature)).sum())
        if reader is not None and self.step % COUNTED_EVERY == 0:
            self.prompts += len(rows)
            self.tokens += int(reader.encode(observations)[1].sum())
        self.step += 1
        return actions


def play_all(batches: Sequence[Batch], threads: int) -> None:
    """Play batches to their end, `threads` at a time; the first failure ends them all."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        jobs = [pool.submit(batch.play) for batch in batches]
        try:
            for job in as_completed(jobs):
                with suppress(Stopped):  # the job that failed says why
                    job.result()
        except BaseException:  # Ctrl-C too: no batch continues
            batches[0].hall.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _rolled_out(task: Task, teacher: str, keys: NDArray[np.uint64], on_batch: OnBatch | None) -> Outcomes:
    """Let a teacher play compiled; return the outcomes in the order of the seeds."""
    done = []
    for start in range(0, len(keys), ROLLED):
        done.append(teachers_of(task).rollout(teacher, keys[start : start + ROLLED]))
        if on_batch is not None:
            on_batch(min(start + ROLLED, len(keys)), len(keys))
    return join_outcomes(done)


def _diversity(batches: Sequence[Batch]) -> float:
    """Return the mean over the games of the entropy of their moves, in nats."""
    moves = np.concatenate([batch.moves for batch in batches]).astype(np.float64)
    return float(entropy_of(moves / moves.sum(axis=1, keepdims=True)).mean())
