"""A small training that any number of processes can share, and what each of them has to tell of it.

`test_distributed.py` calls it in its own process, and has a launcher start it as a script in two.
"""

import json
import sys
from pathlib import Path

import torch

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy import training
from ouroloop.policy.distributed import on_main
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft import fit as sft
from ouroloop.protocols.errors import OuroloopError

CONFIG = sft.SftConfig(
    steps=6,
    batch=32,
    positions=400,
    dagger=2,
    dagger_positions=300,
    curve=3,
    checkpoint=2,
    shape=Shape(hidden=32, intermediate=48),
)
CUT_AT = 5


class Cut(Exception):
    pass


def fit(out: Path) -> dict:
    """Train, cut off after a step and gone on with; return the losses, the rows of each batch, and how the model lay."""
    slots, trainers = [], []
    draw, build, on_log = sft.School.draw, sft.slot_trainer, training.Record.on_log

    def noted_draw(school, rows):
        slots.append(rows.tolist())
        return draw(school, rows)

    def noted_build(*args, **options):
        trainers.append(build(*args, **options))
        return trainers[-1]

    def cut(record, args, state, control, logs=None, **kwargs):
        on_log(record, args, state, control, logs=logs, **kwargs)
        if len(trainers) == 1 and state.global_step == CUT_AT:
            raise Cut

    sft.School.draw, sft.slot_trainer, training.Record.on_log = noted_draw, noted_build, cut
    try:
        try:
            sft.fit_sft(SnakeTask(6), CONFIG, 7, out)
        except Cut:
            kept = sorted(path.name for path in out.parent.glob(f".{out.name}-training/checkpoint-*/*") if path.is_file())
        report = sft.fit_sft(SnakeTask(6), CONFIG, 7, out)
    finally:
        sft.School.draw, sft.slot_trainer, training.Record.on_log = draw, build, on_log
    return {
        "loss": report.loss,
        "curve": report.curve,
        "health": dict(report.health),
        "slots": slots,
        "kept": kept,
        "share": share_held(trainers[-1]),
        "stage": trainers[-1].deepspeed.zero_optimization_stage() if trainers[-1].is_deepspeed_enabled else None,
    }


def share_held(trainer) -> float:
    """Return the share of the weights that lie in this process."""
    weights = list(trainer.model.parameters())
    held = sum((w.to_local() if hasattr(w, "to_local") else w).numel() for w in weights)
    return held / sum(w.numel() for w in weights)


def failure() -> str:
    """Return what this process hears when the main one fails."""

    def fail():
        raise KeyError("no such thing")

    try:
        on_main(fail)
    except (KeyError, OuroloopError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    told = fit(folder / "policy") | {"failure": failure()}
    (folder / f"process-{torch.distributed.get_rank()}.json").write_text(json.dumps(told))
