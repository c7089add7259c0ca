"""The choice of a sandbox. There is no unsafe fallback: without a sandbox no patch runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.ports import Sandbox, Task
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

Name = Literal["auto", "docker", "wasm"]
REMEDY = "two ways to get one: start a Docker daemon, or pip install wasmtime and componentize-py (Python on WebAssembly)"


def choose(
    name: Name, toolkit_source: str, actions: int, limits: Limits | None = None, run: str = "", image: str = ""
) -> Sandbox:
    """Return the sandbox of that name; `auto` is Docker if a daemon answers, else WASM.

    Args:
        name: which one.
        toolkit_source: source of the `toolkit` module that controllers may import.
        actions: number of the game's actions.
        limits: what a worker may use.
        run: name of the run, which identifies Docker's containers.
        image: the image, by digest, on which Docker's workers are built; if empty, the running interpreter.

    Raises:
        SurroundingsError: it is not available; the message names both ways to get one.
    """
    makers: dict[str, Callable[[], Sandbox]] = {
        "docker": lambda: DockerSandbox(toolkit_source, actions, limits, run=run, base=image),
        "wasm": lambda: WasmSandbox(toolkit_source, actions, limits),
    }
    missing: list[str] = []
    for kind in makers if name == "auto" else (name,):
        try:
            return makers[kind]()
        except SurroundingsError as error:
            missing.append(f"{kind}: {error}")
    raise SurroundingsError(f"no sandbox for patches ({'; '.join(missing)}). There are {REMEDY}")


@contextmanager
def sandbox(kind: Name, task: Task, *, limits: Limits | None = None) -> Iterator[Sandbox]:
    """Yield a sandbox in which a game's controllers run; all its workers end with the block.

    `sandbox.open(source)` loads a controller and returns a session, whose `act(observations, logits)` asks the controller.

    Args:
        kind: `docker`, `wasm`, or `auto`: Docker if a daemon answers, else WASM.
        task: the game, which supplies the `toolkit` and the number of actions.
        limits: what a worker may use.

    Raises:
        UsageError: there is no such kind.
        SurroundingsError: that sandbox is not available; the message names both ways to get one.
    """
    if kind not in get_args(Name):
        raise UsageError(f"there is no sandbox {kind!r}; the kinds are {', '.join(get_args(Name))}")
    found = choose(kind, task.toolkit_source, len(task.actions), limits)
    try:
        yield found
    finally:
        found.close()
