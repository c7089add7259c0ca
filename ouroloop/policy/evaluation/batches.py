"""Batches of games that play in parallel on threads, and what is counted in them: moves, entropies, prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np

from ouroloop.envs.loop import play_out
from ouroloop.policy.choice import Mover, entropy_of, odds_of
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Session

COUNTED_EVERY: Final = 8
"""Steps from one count of the prompts' tokens to the next, since counting writes a prompt once more."""

OpenSession: TypeAlias = "Callable[[], Session]"
OnBatch: TypeAlias = Callable[[int, int], None]
"""Called with the number of games finished and the number asked for, from any thread, one call at a time."""


@runtime_checkable
class Reads(Protocol):
    """Something that writes a board as tokens; a `language.LanguagePolicy` is one."""

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, L) int32 and mask (B, L) bool."""
        ...


def prompt_tokens(reader: Reads, observations: Observations) -> int:
    """Return the number of tokens in the prompts of some positions; those of a policy that sees have a fixed number each."""
    each: int | None = getattr(reader, "prompt_tokens", None)
    return int(reader.encode(observations)[1].sum()) if each is None else each * len(observations)


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
            self.tokens += prompt_tokens(reader, observations)
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


def diversity(batches: Sequence[Batch]) -> float:
    """Return the mean over the games of the entropy of their moves, in nats."""
    moves = np.concatenate([batch.moves for batch in batches]).astype(np.float64)
    return float(entropy_of(moves / moves.sum(axis=1, keepdims=True)).mean())
