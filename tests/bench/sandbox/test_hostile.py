"""The hostile are gone by their deadline, and cost the next candidate and the host nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ouroloop.bench.sandbox.aftermath import aftermath
from ouroloop.bench.sandbox.hostile import FEW, HOSTILE, deadlines, verdicts
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.choose import choose

TASK = SnakeTask(size=10)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["wasm", pytest.param("docker", marks=pytest.mark.docker)])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "docker":
        request.getfixturevalue("docker_daemon")
    sandbox = choose(request.param, TASK.toolkit_source, 4)
    yield sandbox
    sandbox.close()


def test_each_kind_is_gone_within_half_a_second_of_its_deadline(box: Sandbox) -> None:
    observations = TASK.positions(0, FEW).observations()
    found = deadlines(box, observations, np.zeros((FEW, 4), np.float32), lambda: None)
    assert set(found) == set(HOSTILE)
    for kind, times in found.items():
        assert times["found_s"] <= times["gone_s"] <= times["deadline_s"] + 0.5, (kind, times)


def test_twenty_in_a_row_leave_the_host_as_it_was(box: Sandbox) -> None:
    observations = TASK.positions(0, FEW).observations()
    after = aftermath(box, observations, np.zeros((FEW, 4), np.float32), lambda: None)
    assert after["host_memory_growth_mb"] < 16


@pytest.mark.docker
def test_both_judge_alike() -> None:
    boxes = {name: choose(name, TASK.toolkit_source, 4) for name in ("docker", "wasm")}  # type: ignore[arg-type]
    found = verdicts(boxes)
    for sandbox in boxes.values():
        sandbox.close()
    assert found["differ"] == {}
