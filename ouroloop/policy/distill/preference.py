"""Direct preference optimisation of a student where its moves are worse than they could be (Rafailov et al. 2023, equation 7).

A pair is a position, a preferred move and a rejected one. The reference policy is the student as it was before this stage. In
a mistake, the rejected move is the student's own. One position in a hundred is a mistake, and training on mistakes alone would
spoil what the student does well. Some pairs are therefore anchors: the student's own move is preferred, and its second best is
rejected.

An answer is one token, so one forward pass gives both log-probabilities, and the reference adds two numbers a pair.
TRL's `DPOTrainer`, whose loss this is, passes every prompt through the model twice, once for each answer, and tokenises
texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ouroloop.envs.capabilities import oracle_of
from ouroloop.envs.loop import join_observations
from ouroloop.policy.sft.data import SENSIBLE
from ouroloop.policy.slots import SlotTrainer
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.distill.config import Source
    from ouroloop.policy.distill.stage import Stage
    from ouroloop.policy.serving.local import LocalPolicy
    from ouroloop.protocols.ports import Engine, Policy, Task
    from ouroloop.protocols.records import Observations

WAVE = 64
"""Games that are played in parallel."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """N pairs, the mistakes first.

    Args:
        positions: N observations.
        chosen: (N,) int64, the moves to prefer.
        rejected: (N,) int64, the moves to avoid.
        reference: (N, 2) float32, log-probabilities of both before the training.
        mistakes: number of mistakes; the others are anchors.
    """

    positions: Observations
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    reference: NDArray[np.float32]
    mistakes: int

    def __len__(self) -> int:
        """Return N."""
        return len(self.chosen)

    def rows(self, draws: NDArray[np.uint64], anchors: float) -> NDArray[np.int64]:
        """Return the pairs that random numbers select, a share of them anchors: (B,) int64."""
        others = len(self) - self.mistakes
        # The low half of the number selects the kind, the high half the pair.
        anchored, place = (draws % 2**32 < anchors * 2**32) & (others > 0), draws >> np.uint64(32)
        return np.where(anchored, self.mistakes + place % max(1, others), place % self.mistakes).astype(np.int64)


def prefer(
    source: Source, own: NDArray[np.integer], logits: NDArray[np.float32], regret: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the moves to prefer, and whether they are better than the student's: (B,) each.

    Args:
        source: `teacher`: the teacher policy's best move, whenever the student makes another. `both`: the best of those that
            the oracle holds to be sensible, if any is. `oracle`: that one, if the student's own is not sensible.
        own: (B,) the student's moves.
        logits: (B, A) the teacher policy's.
        regret: (B, A) the oracle's.
    """
    sensible = regret < SENSIBLE
    any_sensible: NDArray[np.bool_] = np.asarray(sensible.any(axis=1))
    allowed = sensible | ~any_sensible[:, None] if source != "teacher" else np.ones_like(sensible)
    chosen = np.where(allowed, logits, -np.inf).argmax(axis=1)
    better = chosen != own
    if source == "oracle":
        better &= any_sensible & ~sensible[np.arange(len(own)), own]
    return chosen, better


def collect_pairs(task: Task, student: LocalPolicy, teacher: Policy, source: Source, count: int, stage: Stage) -> Pairs | None:
    """Let the student play; return its mistakes and the anchors, or None if it makes no mistakes.

    Args:
        task: the game.
        student: the policy that plays; it is the reference policy too.
        teacher: the policy to learn from.
        source: see `prefer`.
        count: least number of positions to look at.
        stage: decides the games.
    """
    seen: list[Observations] = []
    judged: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    first = stage.games(0)
    while sum(map(len, seen)) < count:
        engine = task.engine(np.array(game_seeds(stage.seed, "train", first, WAVE), dtype=np.uint64))
        first += WAVE
        while len(rows := np.flatnonzero(~engine.done)):
            running = engine.clone(rows)
            seen.append(running.observations())
            ranked = student.logits(seen[-1]).argsort(axis=1)
            judged.append(_judged(task, running, seen[-1], teacher, source, ranked))
            moves = np.zeros(engine.games, dtype=np.int8)
            moves[rows] = ranked[:, -1]
            engine.step(moves)
    chosen, rejected, wrong = (np.concatenate([part[index] for part in judged]) for index in range(3))
    order = np.argsort(~wrong, kind="stable")
    if not wrong.any():
        return None
    positions, chosen, rejected = join_observations(seen).take(order), chosen[order], rejected[order]
    return Pairs(positions, chosen, rejected, reference_of(student, positions, chosen, rejected), int(wrong.sum()))


def _judged(
    task: Task, running: Engine, seen: Observations, teacher: Policy, source: Source, ranked: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return moves to prefer and to avoid, and whether the student's own, the last of its `ranked` moves, is a mistake."""
    regret, own = oracle_of(task).regret(running), ranked[:, -1]
    chosen, rejected, wrong = own.copy(), ranked[:, -2].copy(), np.zeros(len(own), dtype=bool)
    # If the oracle has the last word, ask it first: it costs a hundredth of the teacher.
    rows = np.flatnonzero(regret[np.arange(len(own)), own] >= SENSIBLE) if source == "oracle" else np.arange(len(own))
    if len(rows):
        better, wrong[rows] = prefer(source, own[rows], teacher.logits(seen.take(rows)), regret[rows])
        chosen[rows] = np.where(wrong[rows], better, own[rows])
        rejected[wrong] = own[wrong]
    return chosen, rejected, wrong


def reference_of(
    student: LocalPolicy, positions: Observations, chosen: NDArray[np.int64], rejected: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the current log-probabilities of chosen and rejected moves: (N, 2) float32."""
    logp = torch.log_softmax(torch.from_numpy(student.token_logits(positions)), dim=1)
    actions = np.array(student.policy.actions)
    tokens = torch.from_numpy(np.stack([actions[chosen], actions[rejected]], axis=1))
    return np.asarray(logp.gather(1, tokens).numpy(), dtype=np.float32)


def dpo_loss(logps: torch.Tensor, reference: torch.Tensor, beta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of `-log sigmoid(beta (delta_w - delta_l))`, and the margins beta (delta_w - delta_l): (B,).

    A delta is log pi - log pi_ref of the chosen (w) or rejected (l) answer.

    Args:
        logps: (B, 2) log-probabilities of chosen and rejected answers.
        reference: (B, 2) the reference policy's.
        beta: a larger one keeps the policy closer to the reference.
    """
    deltas = logps - reference
    margins = beta * (deltas[:, 0] - deltas[:, 1])
    return -functional.logsigmoid(margins).mean(), margins


class PreferenceTrainer(SlotTrainer):
    """A slot stands for a pair."""

    pairs: Pairs
    stage: Stage
    beta: float
    anchors: float

    def slot_loss(self, model: torch.nn.Module, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss and the logits after the prompts."""
        device, pairs = slots.device, self.pairs
        rows = pairs.rows(self.stage.draws(slots.cpu().numpy()), self.anchors)
        ids, mask = (torch.from_numpy(part).long().to(device) for part in self.policy.encode(pairs.positions.take(rows)))
        logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False).logits[:, -1].float()
        moves = torch.from_numpy(np.stack([pairs.chosen[rows], pairs.rejected[rows]], axis=1)).to(device)
        tokens = torch.tensor(self.policy.actions, device=device)[moves]
        logps = functional.log_softmax(logits, dim=-1).gather(1, tokens)
        loss, margins = dpo_loss(logps, torch.from_numpy(pairs.reference[rows]).to(device), self.beta)
        metrics = self._metrics["train"]
        metrics["preferred"].append(float((logps[:, 0] > logps[:, 1]).float().mean()))
        metrics["margin"].append(float(margins.mean()))
        self._total_train_tokens += int(mask.sum())
        return loss, logits
