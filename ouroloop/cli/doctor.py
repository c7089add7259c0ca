"""Checks whether everything that a run needs around it is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ouroloop.agents.finding import survey
from ouroloop.envs.capabilities import oracle_of, teachers_of
from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.envs.registry import survey as games_survey
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.errors import OuroloopError
from ouroloop.protocols.text import plain_line
from ouroloop.runs.cache import cache_root
from ouroloop.runs.lifecycle import NEED_MB


def examine() -> list[dict[str, Any]]:
    """Return one entry per check: name, ok, needed (a run cannot begin without it), found, and remedy."""
    sandboxes = [_sandbox(name) for name in ("docker", "wasm")]
    either = any(c["ok"] for c in sandboxes)
    return [
        _python(),
        _git(),
        *sandboxes,
        _check(
            "a sandbox",
            either,
            True,
            "yes" if either else "none",
            "start Docker (`dockerd`), or let the WASM worker build (`ouroloop doctor --prepare`)",
        ),
        _disk(),
        _roles(),
        *_broken(),
        _accelerator(),
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


def _check(name: str, ok: bool, needed: bool, found: str, remedy: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "needed": needed, "found": found, "remedy": remedy}


def _python() -> dict[str, Any]:
    return _check("python", sys.version_info >= (3, 11), True, sys.version.split()[0], "use Python 3.11 or newer")


def _git() -> dict[str, Any]:
    path = shutil.which("git")
    found = (
        subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip() if path else "not found"
    )
    return _check("git", path is not None, True, found, "install git (Debian: `apt-get install git`)")


def _sandbox(name: Any) -> dict[str, Any]:
    from ouroloop.sandbox.choose import choose

    task = make_task(TaskSettings())
    try:
        with closing(choose(name, task.toolkit_source, len(task.actions))) as sandbox:
            sandbox.open(task.start_controller).close()  # a component that does not start is not usable
    except OuroloopError as error:
        return _check(name, False, False, "not usable", str(error))
    return _check(name, True, False, "usable", "")


def _disk() -> dict[str, Any]:
    free_mb = shutil.disk_usage(Path.cwd()).free // 2**20
    cache = cache_root()
    return _check("disk", free_mb >= NEED_MB, True, f"{free_mb} MB free here; cache in {cache}", f"free {NEED_MB} MB or more")


def _roles() -> dict[str, Any]:
    found = survey()
    usable = [role.name for role in found if role.role is not None]
    return _check("roles", bool(usable), True, ", ".join(usable) or "none", "install the package (`pip install -e .`)")


def _broken() -> list[dict[str, Any]]:
    """Return a check for each announced role or game that cannot be used; a run without it can begin."""
    remedy = "repair or uninstall the package that announces it"
    roles = [(f"role {role.name}", role.fault) for role in survey() if role.fault is not None]
    games = [(f"game {game.name}", game.fault) for game in games_survey() if game.fault is not None]
    return [_check(plain_line(name, 70), False, False, fault, remedy) for name, fault in (*roles, *games)]


def _accelerator() -> dict[str, Any]:
    smi = shutil.which("nvidia-smi")
    return _check(
        "accelerator", smi is not None, False, "NVIDIA driver" if smi else "none", "none is needed; training runs on the CPU"
    )
