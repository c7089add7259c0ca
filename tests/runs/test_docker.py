"""The same recipe in Docker and in WASM: the same verdicts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.runs.small_run import ROLES, document, run_micro

pytestmark = pytest.mark.docker
HOSTILE = f"roles.code_patcher.use={ROLES}:HostilePatcher"


ALL = "roles.code_patcher.count=5"
"""As many candidates as the hostile patcher has."""


def verdicts(folder: Path) -> list[Any]:
    rounds = document(folder)["rounds"]
    return [(c["id"], c["verdict"], c["layer"], c["effect"]) for r in rounds for c in r["candidates"]]


def containers() -> str:
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", "label=ouroloop.sandbox.owner"], capture_output=True, text=True, check=True
    )
    return listed.stdout


def test_docker_reaches_the_verdicts_of_wasm(finished: Path, tmp_path: Path) -> None:
    assert verdicts(run_micro(tmp_path / "docker", "sandbox=docker")) == verdicts(finished)
    assert not containers()


def test_both_reject_hostile_patches_at_the_same_layers(tmp_path: Path) -> None:
    seen = [
        verdicts(
            run_micro(tmp_path / name, f"sandbox={name}", "roles.reward_designer.count=0", HOSTILE, ALL, "budget.rounds=1")
        )
        for name in ("docker", "wasm")
    ]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 5
