"""The guard of a GRPO training: it sees every step, holds examinations, rings alarms, and keeps the last good weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ouroloop.policy.grpo.monitors import Truth, Watch, alarm, judge
from ouroloop.policy.grpo.sampler import put_weights, trained_weights
from ouroloop.policy.report import Alarm

if TYPE_CHECKING:
    from ouroloop.policy.grpo.config import GrpoConfig
    from ouroloop.policy.grpo.sampler import Sampler
    from ouroloop.policy.grpo.trainer import SharedPromptTrainer
    from ouroloop.policy.grpo.truth import Exam
    from ouroloop.policy.training import Record

STATE, GOOD = "guard.json", "good.safetensors"
ROUNDINGS = 16
"""Rounding units of the model's precision by which sampler and trainer may differ, if that exceeds their limit."""


class Halt(Exception):
    """Ends a training before a step that would ruin the weights."""


class Guard(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """See the module.

    Good weights are those of the last examination at which the true score had not fallen below the first one's. If a loss or
    gradient is not finite, the step is not made; if there are no examinations, the weights before that step are good.

    Args:
        config: the knobs.
        sampler: plays as the policy in training.
        exam: examines the policy.
        record: receives the learning curve, and holds the trainer's figures under our names.
    """

    def __init__(self, config: GrpoConfig, sampler: Sampler, exam: Exam, record: Record) -> None:
        """Watch from the beginning."""
        self.config, self.sampler, self.exam, self.record = config, sampler, exam, record
        self.model = sampler.policy.model
        exact = float(torch.finfo(self.model.dtype).eps)
        self.limits = config.limits.model_copy(update={"sampler": max(config.limits.sampler, ROUNDINGS * exact)})
        self.watch = Watch(self.limits)
        self.alarms: list[Alarm] = []
        self.truths: list[Truth] = []
        self.good: dict[str, torch.Tensor] = {}
        self.stopped: Alarm | None = None
        self.trainer: SharedPromptTrainer | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hold the first examination, or load what the checkpoint keeps."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if (folder / STATE).is_file():
            self._restore(folder)
        elif self.config.truth_every:
            self._examine(0)
        else:
            self.good = trained_weights(self.model)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuse a step that is not finite. Raises Halt."""
        assert self.trainer is not None
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        loss, norm = float(self.trainer.last_loss), float(torch.nn.utils.get_total_norm(gradients))
        bad = sum(not np.isfinite(value) for value in (loss, norm))
        if not bad:
            return
        meaning = f"loss {loss:.3g}, gradient norm {norm:.3g}: the step is not made, and the last good weights are kept"
        self._ring([alarm(self.limits, "not_finite", state.global_step + 1, bad, 0.0, meaning)])
        if not self.config.truth_every:
            self.good = trained_weights(self.model)
        raise Halt

    def diverge(self, step: int) -> None:
        """Ring an alarm because a step left a policy with logits that are not finite, which cannot play."""
        meaning = "the policy's logits are not finite: nothing more can be sampled, and the last good weights are kept"
        self._ring([alarm(self.limits, "not_finite", step, 1, 0.0, meaning)])

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Check a step's figures, and hold an examination if one is due."""
        if not logs or "loss" not in logs:
            return
        step, config = state.global_step, self.config
        names = {theirs: ours for ours, theirs in self.record.names.items()}
        figures = {names.get(name, name): value for name, value in logs.items() if isinstance(value, float | int)}
        self._ring(self.watch.look(step, figures))
        due = config.truth_every and (step % config.truth_every == 0 or step == state.max_steps)
        if due and self.stopped is None:
            self._examine(step)
        if self.stopped is not None:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save alarms, examinations and good weights with the checkpoint."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        kept = {
            "watch": self.watch.state(),
            "alarms": [asdict(one) for one in self.alarms],
            "truths": [[truth.step, truth.score.tolist(), truth.proxy.tolist()] for truth in self.truths],
        }
        (folder / STATE).write_text(json.dumps(kept))
        save_file(self.good, folder / GOOD)

    def leave_good(self) -> None:
        """Load the last good weights into the model if the training was stopped."""
        if self.stopped is not None and self.good:
            put_weights(self.model, self.good)

    def figures(self) -> dict[str, float]:
        """Return the results of the examinations: the last scores beside the first ones; empty if none was held."""
        if not self.truths:
            return {}
        first, last = self.truths[0], self.truths[-1]
        means = {"score_start": first.score, "score": last.score, "proxy_start": first.proxy, "proxy": last.proxy}
        return {name: float(values.mean()) for name, values in means.items()}

    def _examine(self, step: int) -> None:
        self.sampler.refresh()
        now = self.exam.take(self.sampler, step)
        self.truths.append(now)
        self.record.curve.append((step, float(now.score.mean())))
        found = judge(self.truths[0], now, self.config.checks(), self.limits)
        if not found:
            self.good = trained_weights(self.model)
        rung = {one.name for one in self.alarms}
        self._ring([one for one in found if one.name not in rung])

    def _ring(self, found: list[Alarm]) -> None:
        self.alarms += found
        self.stopped = self.stopped or next((one for one in found if one.severity == "stop"), None)

    def _restore(self, folder: Path) -> None:
        kept = json.loads((folder / STATE).read_text())
        self.watch.restore(kept["watch"])
        self.alarms = [Alarm(**one) for one in kept["alarms"]]
        self.truths = [Truth(step, np.array(score), np.array(proxy)) for step, score, proxy in kept["truths"]]
        self.good = load_file(folder / GOOD)
