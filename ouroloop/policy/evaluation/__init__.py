"""How well a player plays: scores with their interval, how games end, how varied the moves are, and how fast it is.

Games advance together in batches of fixed size, in the order of their seeds; `batches` plays them. Apart from times, the
result depends on the seeds, the player and the batch size, but not on the number of threads. No torch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.capabilities import teachers_of
from ouroloop.envs.intervals import score_interval, share_interval
from ouroloop.envs.loop import join_outcomes
from ouroloop.policy.choice import Mover, Sampling, rated_by, taught_by
from ouroloop.policy.evaluation.batches import Batch, Hall, OnBatch, OpenSession, Reads, diversity, play_all
from ouroloop.policy.report import EvaluationDocument
from ouroloop.protocols.records import Estimate, Outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Policy, Task

BATCH: Final = 50
"""Games that advance together: a forward pass of this many is near its best speed, and a hundred games keep two cores busy."""
ROLLED: Final = 1024
"""Games of a teacher between two progress reports."""


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
        action_diversity=diversity(batches) if batches else None,
        policy_entropy=None if isinstance(policy, str) else sum(b.entropy for b in batches) / max(1, int(outcomes.steps.sum())),
        tokens_per_decision=sum(played.tokens for played in batches) / prompts if prompts else None,
        seconds=seconds,
    )


def _rolled_out(task: Task, teacher: str, keys: NDArray[np.uint64], on_batch: OnBatch | None) -> Outcomes:
    """Let a teacher play compiled; return the outcomes in the order of the seeds."""
    done = []
    for start in range(0, len(keys), ROLLED):
        done.append(teachers_of(task).rollout(teacher, keys[start : start + ROLLED]))
        if on_batch is not None:
            on_batch(min(start + ROLLED, len(keys)), len(keys))
    return join_outcomes(done)
