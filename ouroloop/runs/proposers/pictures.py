"""Lost games as pictures, for models that see."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

CELL_PX: Final = 28
"""Two patches of most vision encoders, which read cells that lie across patches badly (Grid2Matrix, arXiv 2604.09687)."""
BOARD_PX: Final = 448
"""Most pixels of a position's side; cells of large boards are smaller."""
LEAST_PX: Final = 4
COLUMNS: Final = 2
GAP_PX: Final = 28


def picture_of(task: Task, positions: Observations) -> str:
    """Return positions as one PNG in base64: line by line, two in a line, with white between them."""
    boards = task.render(positions, CELL_PX)
    if boards.shape[2] > BOARD_PX:
        boards = task.render(positions, max(LEAST_PX, CELL_PX * BOARD_PX // boards.shape[2]))
    count, height, width, _ = boards.shape
    lines = -(-count // COLUMNS)
    sheet = np.full((lines * (height + GAP_PX) - GAP_PX, COLUMNS * (width + GAP_PX) - GAP_PX, 3), 255, np.uint8)
    for number, board in enumerate(boards):
        top, left = number // COLUMNS * (height + GAP_PX), number % COLUMNS * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = board
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
