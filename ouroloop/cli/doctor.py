"""Checks whether everything that a run needs around it is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ouroloop.agents.finding import Installed
from ouroloop.agents.finding import survey as role_survey
from ouroloop.envs.capabilities import oracle_of, teachers_of
from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.envs.registry import survey as games_survey
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.protocols.text import plain_line
from ouroloop.runs.cache import cache_root
from ouroloop.runs.lifecycle import NEED_MB


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Args:
        name: what is checked.
        ok: whether it is as it should be.
        needed: whether a run cannot begin without it.
        found: what was found, one line.
        remedy: what to do if it is not ok.
    """

    name: str
    ok: bool
    needed: bool
    found: str
    remedy: str


def examine() -> list[Check]:
    """Return all checks."""
    announced = role_survey()
    sandboxes = [_sandbox(name) for name in ("docker", "wasm")]
    either = any(check.ok for check in sandboxes)
    return [
        _python(),
        _git(),
        *sandboxes,
        Check(
            "a sandbox",
            either,
            True,
            "yes" if either else "none",
            "start Docker (`dockerd`), or let the WASM worker build (`ouroloop doctor --prepare`)",
        ),
        _disk(),
        _roles(announced),
        *_broken(announced),
        _accelerator(),
        _models(),
    ]


def prepare() -> None:
    """Build the WASM worker and compile the engine, so that the first run begins at once."""
    from ouroloop.sandbox.wasm.sandbox import prepare as build_worker
    from ouroloop.terminal import say

    task = make_task(TaskSettings())
    build_worker(task.toolkit_source, lambda text: say(f"ouroloop: {text}", err=True))
    warm_up()


def warm_up() -> None:
    """Compile every kernel that a run uses; the disk cache keeps them."""
    task = make_task(TaskSettings())
    engine = task.positions(0, 8)
    engine.step_features(oracle_of(task).regret(engine).argmin(axis=1))
    engine.step(teachers_of(task).teach(SftConfig().teacher, engine))
    engine.outcomes()
    task.progress(engine.clone(np.arange(engine.games)[::-1]))


def _python() -> Check:
    return Check("python", sys.version_info >= (3, 11), True, sys.version.split()[0], "use Python 3.11 or newer")


def _git() -> Check:
    path = shutil.which("git")
    found = (
        subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip() if path else "not found"
    )
    return Check("git", path is not None, True, found, "install git (Debian: `apt-get install git`)")


def _sandbox(name: Any) -> Check:
    from ouroloop.sandbox.choose import choose

    task = make_task(TaskSettings())
    try:
        with closing(choose(name, task.toolkit_source, len(task.actions))) as sandbox:
            sandbox.open(task.start_controller).close()  # a component that does not start is not usable
    except OuroloopError as error:
        return Check(name, False, False, "not usable", str(error))
    return Check(name, True, False, "usable", "")


def _disk() -> Check:
    free_mb = shutil.disk_usage(Path.cwd()).free // 2**20
    cache = cache_root()
    return Check("disk", free_mb >= NEED_MB, True, f"{free_mb} MB free here; cache in {cache}", f"free {NEED_MB} MB or more")


def _roles(announced: list[Installed]) -> Check:
    usable = [role.name for role in announced if role.role is not None]
    return Check("roles", bool(usable), True, ", ".join(usable) or "none", "install the package (`pip install -e .`)")


def _models() -> Check:
    """Return what is there to serve language models on this machine."""
    from ouroloop.agents.local.catalog import CATALOG
    from ouroloop.agents.local.serving import llama_python
    from ouroloop.agents.local.weights import is_fetched
    from ouroloop.vllm_environment import vllm_python

    servers = []
    for name, python in (("llama.cpp (local:NAME)", llama_python), ("vLLM (vllm:NAME)", vllm_python)):
        with suppress(SurroundingsError):
            python()
            servers.append(name)
    names = [weights.name for weights in CATALOG if is_fetched(weights)]
    found = f"{', '.join(servers) or 'no server'}; weights: {', '.join(names) or 'none'}"
    return Check("local models", bool(servers and names), False, found, "fetch and serve small ones: `make models`")


def _broken(announced: list[Installed]) -> list[Check]:
    """Return a check for each announced role or game that cannot be used; a run without it can begin."""
    remedy = "repair or uninstall the package that announces it"
    roles = [(f"role {role.name}", role.fault) for role in announced if role.fault is not None]
    games = [(f"game {game.name}", game.fault) for game in games_survey() if game.fault is not None]
    return [Check(plain_line(name, 70), False, False, fault, remedy) for name, fault in (*roles, *games)]


def _accelerator() -> Check:
    smi = shutil.which("nvidia-smi")
    return Check(
        "accelerator", smi is not None, False, "NVIDIA driver" if smi else "none", "none is needed; training runs on the CPU"
    )
