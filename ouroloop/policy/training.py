"""What all trainings on TRL share: their quiet arguments, the record of their figures, and the folder of checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from ouroloop.policy.distributed import Arguments, arguments, is_main, on_main
from ouroloop.policy.report import Progress, TrainingReport
from ouroloop.protocols.errors import TrainingError, UsageError

RECORD = "record.json"


class Workplace:
    """A folder for a training's checkpoints, beside its result.

    It is removed when the training is done, or as soon as it fails without a checkpoint from which to resume.

    Args:
        out: the policy directory that the training makes.
        config: the training's settings as text; another training's checkpoints are refused.
        seed: its seed.
    """

    def __init__(self, out: Path, config: str, seed: int) -> None:
        """Name the folder."""
        self.folder = out.parent / f".{out.name}-training"
        self.stamp = f"{config} {seed}\n"

    def __enter__(self) -> Workplace:
        """Create the folder, or take over that of the same training.

        Raises:
            UsageError: it belongs to another training.
        """
        on_main(self._open)
        return self

    def _open(self) -> None:
        stamp = self.folder / "settings"
        if self.last() is not None and stamp.is_file() and stamp.read_text() != self.stamp:
            raise UsageError(f"{self.folder} holds checkpoints of another training: remove it, or choose another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(self.stamp)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the folder if there is nothing to resume from."""
        if is_main() and self.last() is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def last(self) -> str | None:
        """Return the newest checkpoint's folder."""
        return get_last_checkpoint(str(self.folder)) if self.folder.is_dir() else None

    def good(self, broken: int) -> Path | None:
        """Return the newest checkpoint, before the step that broke, from which a step has succeeded."""
        steps = [int(path.name.split("-")[1]) for path in self.folder.glob("checkpoint-*")]
        found = [step for step in steps if step < broken - 1]
        return self.folder / f"checkpoint-{max(found)}" if found else None

    def done(self) -> None:
        """Remove the folder."""
        if is_main():
            shutil.rmtree(self.folder, ignore_errors=True)


class Record(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """Keeps each step's figures, reports progress, and stops a training whose loss is not finite."""

    def __init__(self, stage: str, progress: Progress, names: dict[str, str]) -> None:
        """Keep the mapping of our names of figures to the trainer's."""
        self.stage, self.progress, self.names = stage, progress, names
        self.loss: list[float] = []
        self.rows: list[dict[str, float]] = []
        self.curve: list[tuple[int, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Record one step."""
        if not logs or "loss" not in logs:
            return
        self.loss.append(float(logs["loss"]))
        self.rows.append({ours: float(logs[theirs]) for ours, theirs in self.names.items() if logs.get(theirs) is not None})
        if not np.isfinite(self.loss[-1]) or not np.isfinite(self.rows[-1].get("grad_norm", 0.0)):
            found = f"loss {self.loss[-1]:.4g}, gradient norm {self.rows[-1].get('grad_norm', 0.0):.4g}"
            raise TrainingError(f"{self.stage}: step {state.global_step}: {found}, expected finite ones")
        self.progress(self.stage, state.global_step / state.max_steps, {"loss": self.loss[-1], **self.rows[-1]})

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save the record with the weights."""
        if not is_main():
            return
        kept = {"loss": self.loss, "rows": self.rows, "curve": self.curve}
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / RECORD).write_text(json.dumps(kept))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the record of the checkpoint from which the training resumes."""
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / RECORD
        if path.is_file():
            kept = json.loads(path.read_text())
            self.loss, self.rows, self.curve = kept["loss"], kept["rows"], [(step, score) for step, score in kept["curve"]]

    def report(self, seconds: float, *, least: int = 1, **extra: float) -> TrainingReport:
        """Return the report, with figures averaged over the last tenth of the steps.

        A figure that none of those steps has is left out.

        Args:
            seconds: wall time.
            least: the fewest steps to average over. If several steps learn from one batch, only the first of them has the
                batch's own figures, so their number is the least that never misses them.
            extra: further figures.
        """
        last = self.rows[-max(least, len(self.rows) // 10) :]
        found = {name: [row[name] for row in last if name in row] for name in self.names}
        health = {name: float(np.mean(values)) for name, values in found.items() if values}
        return TrainingReport(len(self.loss), tuple(self.loss), health | extra, tuple(self.curve), seconds)


def plain_arguments(checkpoint: int = 0, device: str = "cpu") -> Arguments:
    """Return the trainer's arguments that all trainings here share: no console, no reports.

    Args:
        checkpoint: steps between checkpoints, of which the newest two are kept; 0 for none.
        device: `cpu` or `cuda`; a launcher that started this process decides instead.
    """
    shared: Arguments = {
        "use_cpu": device == "cpu",
        "bf16": device == "cuda",
        "report_to": "none",
        "save_strategy": "steps" if checkpoint else "no",
        "save_steps": checkpoint or 500,
        "save_total_limit": 2,  # the newest is known to be good only after a step from it
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "gradient_checkpointing": False,  # TRL's default is on, which computes every layer twice
        "remove_unused_columns": False,
        "full_determinism": False,
    }
    return shared | arguments()


def strip_console(trainer: Any) -> None:
    """Remove the callbacks that print."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
