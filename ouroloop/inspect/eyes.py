"""By which eyes a run plays: what its players get to see, through which camera, and how many boards were read exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.steps import start
from ouroloop.ledger.steps.sight import seen_boards
from ouroloop.runs.beginning.perceiving import blind, encoder_kind

if TYPE_CHECKING:
    from ouroloop.inspect.document import Eyes
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.runs.recipe import Recipe


def eyes_of(recipe: Recipe, ledger: Ledger) -> Eyes | None:
    """Return the eyes of a run; None if nothing in it is seen."""
    if blind(recipe):
        return None
    reader, eye, seen = start.READER.find(ledger), start.EYE.find(ledger), seen_boards(ledger)
    return {
        "perception": recipe.perception,
        "encoder": encoder_kind(recipe),
        "reader": None if reader is None else reader.reader,
        "eye": None if eye is None else eye.eye,
        "camera": recipe.camera.model_dump(mode="json"),
        "boards": seen.boards,
        "exact": seen.exact / seen.boards if seen.boards else None,
    }
