"""Several processes as one training, as `accelerate launch --config_file recipes/accelerate/fsdp.yaml` starts them.

Every process holds the same lessons and trains on its share of each batch. The batch size in the settings is that of all
processes together, so a training has the same losses, to rounding, on any number of them. The main process does everything
but training (games, files, progress), and tells the others.

Under FSDP each process holds a piece of every weight, and under ZeRO-2 with bf16 the model is rounded. Games are therefore
played, and policies written, with a `replica`: a whole copy of the model in its first precision, kept by the main process.

The launcher is `python -m accelerate.commands.launch` or anything else that sets torchrun's variables. FSDP 1 and ZeRO-3 are
not supported: they hide the weights where `refill` does not look.
"""

from __future__ import annotations

import atexit
import copy
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import torch

from ouroloop.protocols.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy

Found = TypeVar("Found")
Arguments: TypeAlias = dict[str, bool | int | str | dict[str, bool]]
"""Arguments of a trainer by name."""
PATIENCE: Final = timedelta(hours=2)
"""How long a process waits for another, which may be playing games for all of them."""
PAUSE: Final = 0.2
"""Seconds between a process's work and its end, for gloo's threads to end theirs."""


def processes() -> int:
    """Return how many processes train together: 1 if no launcher has started this one."""
    return int(os.environ["WORLD_SIZE"]) if "LOCAL_RANK" in os.environ else 1


def is_main() -> bool:
    """Tell whether this is the process that plays, writes and reports."""
    return processes() == 1 or int(os.environ["RANK"]) == 0


def on_cpu() -> bool:
    """Tell whether the processes train on CPUs because there are no GPUs."""
    return not torch.cuda.is_available()


def join_processes() -> None:
    """Meet the other processes, if there are any; call this before anything else in a training.

    Between CPUs, gloo carries everything. Two libraries need to be told. DeepSpeed 0.19 would first compile its own
    exchange. accelerate 1.15 believes that FSDP needs accelerators and would train copies instead; it is told that the
    processes are of another kind once backend and device are chosen.
    """
    if processes() == 1:
        return
    atexit.unregister(_pause)
    atexit.register(_pause)
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    AcceleratorState._reset_state(reset_partial_state=True)
    state = PartialState(cpu=on_cpu(), timeout=PATIENCE)
    if on_cpu() and os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
    if on_cpu() and os.environ.get("ACCELERATE_USE_FSDP") == "true":
        state.distributed_type = DistributedType.MULTI_GPU


def _pause() -> None:
    """Let gloo's threads free what they sent last, for which they need the interpreter.

    A thread that asks a finishing interpreter for this ends the process with SIGABRT (PyTorch issue 190489; seen in one of
    twelve trainings that did nothing after their last exchange). Destroying the process group would not help: DTensor's
    caches keep it, and its threads, alive.
    """
    time.sleep(PAUSE)


def arguments() -> Arguments:
    """Return the trainer's arguments that depend on where the processes run; none for a process that trains alone."""
    if processes() == 1:
        return {}
    precision = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    return {
        "use_cpu": on_cpu(),
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "accelerator_config": {"use_configured_state": True},
    }


def share(batch: int) -> int:
    """Return this process's share of a batch.

    Raises:
        UsageError: the batch cannot be divided evenly.
    """
    count = processes()
    if batch % count:
        raise UsageError(f"a batch of {batch} cannot be shared by {count} processes: choose a multiple of {count}")
    return batch // count


def alone(what: str) -> None:
    """Refuse several processes for something that is made for one.

    Raises:
        UsageError: there are several.
    """
    if processes() > 1:
        raise UsageError(f"{what} runs in one process, found {processes()}: start it without a launcher")


def on_main(work: Callable[[], Found]) -> Found:
    """Let the main process do something, and return its result on all processes.

    Args:
        work: returns something that can be pickled; all processes have to call this.

    Raises:
        TrainingError: on the other processes, if it raised an exception on the main one.
    """
    if processes() == 1:
        return work()
    told: list[Any] = [None, None]
    failure: Exception | None = None
    if is_main():
        try:
            told[0] = work()
        except Exception as error:  # of any kind: the others are waiting and must be told
            failure, told[1] = error, f"the main process failed: {error}"
    torch.distributed.broadcast_object_list(told, src=0)
    if failure is not None:
        raise failure
    if told[1] is not None:
        raise TrainingError(told[1])
    found: Found = told[0]
    return found


def replica(policy: LanguagePolicy) -> LanguagePolicy:
    """Return the policy to play with and to write while `policy` trains: itself, if one process trains alone.

    Call it before the trainer splits the model. Only the main process's copy is ever filled.
    """
    if processes() == 1 or not is_main():
        return policy
    found: Any = policy
    mirror: LanguagePolicy = replace(found, model=copy.deepcopy(policy.model))
    return mirror


def refill(mirror: LanguagePolicy, policy: LanguagePolicy) -> None:
    """Fill a replica with the current weights; all processes have to call this, since each holds a piece of them."""
    if processes() == 1:
        return
    from torch.distributed.tensor import DTensor

    weights = {}
    for name, weight in policy.model.state_dict().items():
        whole = weight.full_tensor() if isinstance(weight, DTensor) else weight
        if is_main():
            weights[name] = whole.to("cpu")
    if is_main():
        mirror.model.load_state_dict(weights)
