"""Lessons: as many as asked for, alive, with a teacher's moves; and the settings that make no sense."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.gemma.lessons import gather
from ouroloop.protocols.errors import UsageError
from tests.perception.gemma.conftest import TASK, TINY


def test_positions_are_unfinished_and_the_teacher_is_never_wrong():
    lessons = gather(TASK, TINY, 4, 200)
    assert len(lessons) == len(lessons.played) == len(lessons.varied) == 200
    assert lessons.classes.shape == (200, 16)
    assert (lessons.classes == TASK.sight.label(lessons.varied)).all()
    assert np.allclose(lessons.moves.sum(1), 1)
    escapable = ~lessons.deadly.all(1)
    assert escapable.mean() > 0.5
    assert lessons.moves[lessons.deadly & escapable[:, None]].max() == 0
    walls = (lessons.varied.columns["board"] == 4).any(1)
    assert 0.2 < walls.mean() < 0.8
    assert not (lessons.played.columns["board"] == 4).any()


def test_a_seed_gives_the_same_lessons_and_no_smoothing_gives_one_move():
    astar = TINY.model_copy(update={"teacher": "astar"})  # often rates several moves alike
    sharp = astar.model_copy(update={"smoothing": 0.0})
    one, again, other = (gather(TASK, sharp, seed, 60) for seed in (1, 1, 2))
    assert (one.classes == again.classes).all()
    assert (one.moves == again.moves).all()
    assert (one.classes != other.classes).any()
    assert (one.moves.max(1) == 1).all()
    assert (gather(TASK, astar, 1, 60).moves.max(1) < 1).any()


def test_an_unknown_teacher_is_refused():
    with pytest.raises(UsageError, match="nobody"):
        gather(TASK, TINY.model_copy(update={"teacher": "nobody"}), 0, 4)


@pytest.mark.parametrize("changes", [{"text": {"width": 97}}, {"tower": {"heads": 3}}, {"text": {"heads": 3, "groups": 2}}])
def test_widths_that_heads_do_not_divide_are_refused(changes):
    with pytest.raises(ValidationError, match="expected a multiple of"):
        GemmaConfig.model_validate(changes)


def test_the_settings_load_no_torch():
    code = "import sys, ouroloop.perception.gemma.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
