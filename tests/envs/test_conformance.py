"""The suite for games: ours keep to it, a second one unlike Snake does, and each way to break it is found."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.envs.conformance import CHECKS, conform
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.records import Observations
from tests.games.balance.encoding import BinsEncoding
from tests.games.balance.engine import BalanceEngine
from tests.games.balance.task import BalanceTask


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", [SnakeTask(6), SnakeTask(8, 0.1), BalanceTask()], ids=["snake", "walls", "balance"])
def test_a_game_conforms(task, check):
    check(task)


def broken(engine=None, **attributes):
    """Return the balance game with methods of its engine and attributes of its own replaced."""
    task = BalanceTask()
    kind = type("Broken", (BalanceEngine,), engine or {})
    task.engine = lambda seeds: kind(seeds, task.track, task.limit, task.wind)
    for name, value in attributes.items():
        setattr(task, name, value)
    return task


def miswritten(**attributes):
    """Return the balance game's encoding with attributes of its own replaced."""
    encoding = BinsEncoding(2.4)
    for name, value in attributes.items():
        setattr(encoding, name, value)
    return encoding


def _thaws(self, actions):
    self.cause[self.cause == 0] = -1
    BalanceEngine.step(self, actions)


def _looks_aside(self, rows=None):
    seen = BalanceEngine.observations(self, rows)
    beside = np.full(len(seen), self.games, np.int32)
    return Observations(seen.constants, {**seen.columns, "beside": beside})


def _lets_out(self, rows=None):
    seen = BalanceEngine.observations(self, rows)
    return Observations(seen.constants, {**seen.columns, "step": self.steps[slice(None) if rows is None else rows]})


def _rushes(self, actions):
    found = BalanceEngine.step_features(self, actions)
    self.step(actions)
    return found


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (broken(actions=("push",)), "two actions"),
        (broken(endings={"melted": BalanceTask().endings["fell"]}), "endings are of causes"),
        (broken({"clone": lambda self, rows: self}), "clone gives the rows"),
        (broken({"step": _thaws}), "has to end|finished game"),
        (broken({"observations": _looks_aside}), "games beside it"),
        (broken({"observations": _lets_out}), "are copies"),
        (broken({"step_features": _rushes}), "advances otherwise than step"),
        (broken(features={"upright": "1 where it stands"}), r"step_features gives \(12, 1\)"),
        (broken(progress=lambda engine: engine.steps.astype(np.float32)), r"progress is in \[0, 1\]"),
        (broken(positions=lambda seed, count: BalanceTask().engine(np.arange(count, dtype=np.uint64))), "found one alone"),
        (broken(best_score=3, score_bound=3), "a score is above 3"),
        (broken(toolkit_source="def lean(observation): return 0"), "defines no leaning"),
        (broken(encodings=()), "encodings is not empty"),
        (broken(encoding=lambda name: miswritten(actions=(3, 4, 5))), "a token for each action"),
        (broken(encoding=lambda name: miswritten(longest=3)), "a prompt of 4 tokens"),
        (broken(encoding=lambda name: miswritten(texts=lambda seen: ["at05 "] * len(seen))), "text and ids say the same"),
        (broken(encoding=lambda name: miswritten(settings={"task": 1})), "other names"),
        (broken(encoding=lambda name: BinsEncoding(2.4)), "raises UsageError"),
        (broken(start_controller="def act(observation, logits):\n    return 0\n"), "plays the highest logit"),
        (broken(engine={"__init__": lambda self, seeds, *rest: BalanceEngine.__init__(self, 0 * seeds, *rest)}), "64 seeds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_game_is_told_what_is_wrong(task, told):
    with pytest.raises(AssertionError, match=told):
        conform(task)


class _Blind(SnakeTask):
    """Takes every cell for empty."""

    @property
    def sight(self):
        found = super().sight
        found.label = lambda seen: np.zeros((len(seen), self.size**2), np.uint8)
        return found


class _Scribbles(SnakeTask):
    """Draws no picture."""

    @property
    def drawing(self):
        found = super().drawing
        found.gif = lambda moments, pauses_ms: b""
        return found


@pytest.mark.parametrize(("task", "told"), [(_Blind(6), "read from its cells"), (_Scribbles(6), "bytes of a GIF")])
def test_broken_sight_and_drawing_are_found(task, told):
    with pytest.raises(AssertionError, match=told):
        conform(task)
