"""Peers that serve a policy in their own processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.timing import DRIVERS
from ouroloop.child_server import end_group
from ouroloop.envs.snake.encodings import ACTIONS
from ouroloop.policy.serving.vllm_server import servable
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.vllm_environment import vllm_python, vllm_settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.serving.local import Precision
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
LOG_LINES: Final = 10
"""Number of lines of vLLM's log that an error shows."""


@dataclass(frozen=True, slots=True)
class Peer:
    """vLLM in its own process, which answers line by line; see `benchmarks/peers/vllm_policy.py`.

    Args:
        process: the process.
        log: the file that receives its standard error.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, line: str = "") -> dict[str, Any]:
        """Send a line, if one is given; return the next answer.

        Raises:
            SurroundingsError: the process ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if line:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            log = "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise SurroundingsError(f"vLLM exited during the benchmark; rebuild its environment (`make vllm`):\n{log}")
        found: dict[str, Any] = json.loads(said)
        return found

    def rate(self, batch: int, seconds: float) -> tuple[int, float, float]:
        """Decide; see `Work`."""
        found = self.ask(f"rate {batch} {seconds}")
        return found["decisions"], found["wall_s"], found["cpu_s"]

    def moves(self) -> NDArray[np.int64]:
        """Return its moves after all prompts: (B,) int64."""
        tokens = self.ask(" ".join(("moves", *map(str, ACTIONS))))["tokens"]
        return np.array([ACTIONS.index(token) for token in tokens], dtype=np.int64)


def start_peers(stack: ExitStack, scratch: Path, policy: Path, prompts: list[list[int]]) -> dict[str, Peer]:
    """Start vLLM in each precision, to be ended with the stack; start none if its environment is missing."""
    try:
        python = vllm_python()
    except SurroundingsError:
        return {}
    (scratch / "prompts.json").write_text(json.dumps(prompts))
    folder = servable(policy, scratch / "policy")
    return {f"vllm {kind}": stack.enter_context(running(python, scratch, folder, kind)) for kind in PRECISIONS}


@contextmanager
def running(python: Path, scratch: Path, folder: Path, precision: Precision) -> Iterator[Peer]:
    """Run vLLM until the block ends."""
    log = scratch / f"{precision}.log"
    arguments = [str(folder), str(scratch / "prompts.json"), precision]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(python), str(DRIVERS / "vllm_policy.py"), *arguments],
            cwd=scratch,
            env=vllm_settings(1),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
        )
    try:
        peer = Peer(process, log)
        peer.ask()
        yield peer
    finally:
        end_group(process)
