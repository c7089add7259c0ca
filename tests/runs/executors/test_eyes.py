"""The figures of a training: every number of its report has a name, and whole numbers stay whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from ouroloop.cli.learning.eyes import figures_table
from ouroloop.envs.registry import TaskSettings
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.training import ClipReport
from ouroloop.perception.training import Accuracy, ReaderReport
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.executors.eyes import figures, train_eye

READER = ReaderReport(3, 473_345, 0.25, 0.75, 0.5, {4: Accuracy(1.0, 0.75), 6: Accuracy(0.5, 0.25)}, 2.5, 4.0)


def test_the_figures_of_a_size_and_of_a_phrase_are_among_them():
    assert figures(READER) == {
        "steps": 3,
        "parameters": 473_345,
        "loss": 0.25,
        "exact": 0.75,
        "exact_shaken": 0.5,
        "exact at 4": 1.0,
        "exact_shaken at 4": 0.75,
        "exact at 6": 0.5,
        "exact_shaken at 6": 0.25,
        "seconds": 2.5,
        "processor_seconds": 4.0,
    }
    clip = ClipReport(3, 9, 0.5, 0.25, 0.5, {"the apple": 1.0}, 0.125, 2.5)
    assert figures(clip)["localised at the apple"] == 1.0


def test_whole_numbers_are_printed_as_such():
    assert '"parameters": 473345' in json.dumps(figures(READER))
    table = figures_table("reader", figures(READER))
    shown = dict(zip(*(list(column.cells) for column in table.columns), strict=True))
    assert (shown["parameters"], shown["steps"], shown["exact at 6"], shown["loss"]) == ("473345", "3", "0.5", "0.25")


def test_what_is_no_number_is_left_out():
    @dataclass(frozen=True)
    class Odd:
        name: str = "x"
        parts: dict[str, float] = field(default_factory=dict)
        count: int = 2

    assert figures(Odd()) == {"count": 2}


def test_a_look_that_is_held_out_is_refused_before_anything_is_trained(tmp_path):
    config = ClipConfig.model_validate({"camera": {"look": "ember"}})
    with pytest.raises(UsageError, match="held out"):
        train_eye(TaskSettings.model_validate({"name": "snake", "size": 4}), config, 0, tmp_path / "out", lambda *_: None)
    assert not (tmp_path / "out").exists()
