"""Several processes as one training, as `accelerate launch --config_file recipes/accelerate/fsdp.yaml` starts them.

Every process holds the same lessons and trains on its share of each batch. The batch of the settings is that of all processes
together, so that a training has the same losses, to rounding, on any number of them. The main process does
all that is not training (games, files, progress), and tells the others.

Under FSDP each process holds a piece of every weight, and under ZeRO-2 with bf16 the model is rounded: games are played and
policies written with a `replica` of the model, whole and in its first precision, that the main process alone keeps.

`python -m accelerate.commands.launch` counts as the launcher, or anything else that sets torchrun's variables. FSDP 1 and
ZeRO-3 are not served: they hide the weights where `refill` does not look.
"""

from __future__ import annotations

import copy
import os
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
"""How long a process waits for another, which may be playing games for all."""


def processes() -> int:
    """Return how many processes train together: 1 where no launcher has started this one."""
    return int(os.environ["WORLD_SIZE"]) if "LOCAL_RANK" in os.environ else 1


def is_main() -> bool:
    """Tell whether this process is the one that plays, writes and reports."""
    return processes() == 1 or int(os.environ["RANK"]) == 0


def on_cpu() -> bool:
    """Tell whether the processes train on CPUs, for want of GPUs."""
    return not torch.cuda.is_available()


def join_processes() -> None:
    """Meet the other processes, where there are any: to be called before anything else that a training does.

    Between CPUs gloo carries everything. Two libraries have to be told: DeepSpeed 0.19, which would first compile an exchange
    of its own, and accelerate 1.15, which takes FSDP for a matter of accelerators and would train copies instead. It is told of
    another kind of processes once backend and device are chosen.
    """
    if processes() == 1:
        return
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    AcceleratorState._reset_state(reset_partial_state=True)
    state = PartialState(cpu=on_cpu(), timeout=PATIENCE)
    if on_cpu() and os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        import_module("deepspeed.ops").__compatible_ops__["deepspeed_shm_comm"] = False
    if on_cpu() and os.environ.get("ACCELERATE_USE_FSDP") == "true":
        state.distributed_type = DistributedType.MULTI_GPU


def arguments() -> Arguments:
    """Return the trainer's arguments that follow from where the processes run; none for a process that trains alone."""
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
    """Return how much of a batch is this process's.

    Raises:
        UsageError: the batch cannot be shared out evenly.
    """
    count = processes()
    if batch % count:
        raise UsageError(f"a batch of {batch} cannot be shared by {count} processes: choose a multiple of {count}")
    return batch // count


def alone(what: str) -> None:
    """Refuse to do on several processes what is made for one.

    Raises:
        UsageError: there are several.
    """
    if processes() > 1:
        raise UsageError(f"{what} runs in one process, found {processes()}: start it without a launcher")


def on_main(work: Callable[[], Found]) -> Found:
    """Let the main process do something, and return on all processes what it found.

    Args:
        work: returns what can be pickled; all processes have to come here.

    Raises:
        TrainingError: on the other processes, where it raised an exception on the main one.
    """
    if processes() == 1:
        return work()
    told: list[Any] = [None, None]
    failure: Exception | None = None
    if is_main():
        try:
            told[0] = work()
        except Exception as error:  # whatever it is: the others wait, and have to hear of it
            failure, told[1] = error, f"the main process failed: {error}"
    torch.distributed.broadcast_object_list(told, src=0)
    if failure is not None:
        raise failure
    if told[1] is not None:
        raise TrainingError(told[1])
    found: Found = told[0]
    return found


def replica(policy: LanguagePolicy) -> LanguagePolicy:
    """Return the policy to play with and to write while `policy` is trained: itself, where one process trains alone.

    It is to be made before the trainer splits the model. Only the main process's is ever filled.
    """
    if processes() == 1 or not is_main():
        return policy
    found: Any = policy
    mirror: LanguagePolicy = replace(found, model=copy.deepcopy(policy.model))
    return mirror


def refill(mirror: LanguagePolicy, policy: LanguagePolicy) -> None:
    """Give a replica the present weights; all processes have to come here, since each holds a piece of them."""
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
