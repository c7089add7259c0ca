"""What the reader learns from: pictures of boards in ever new looks, taken by a camera that is worse than any to be read.

A reader that has seen a few hundred looks knows those looks. One that meets thousands learns what all of them share: a body is
joined to its neighbour nearer the head, and what most cells show is the ground. So the random looks are drawn anew every few
steps. No look of `sight.held_out` is drawn here; `looks.check_look` keeps them out of the trainings of other eyes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.aligning import Poses, offsets, straightened
from ouroloop.perception.camera import DRAWN_PX, darken
from ouroloop.perception.cellnet import CELL_PX
from ouroloop.perception.learning.positions import gather
from ouroloop.perception.optics import compress, expose, resized, turned
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.config import ReaderConfig
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

SOMETIMES: Final = 0.25
"""Share of the lessons with JPEG, and of those with something in front of the board."""
SELDOM: Final = 0.05
"""Share of the lessons with a window around the focus."""
MISSED_TURN: Final = 0.06
"""How far a picture that is turned back misses its place at the edge, in cells: a standard deviation."""
MISSED_SHIFT: Final = 0.04
"""How far it misses its place everywhere, in cells: a standard deviation."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """B pictures of one board size, S pixels a side at `CELL_PX` pixels a cell, and what is right about them.

    Args:
        seen: (B, S, S, 3) uint8, pictures that lie anyhow, for the lattice network.
        phases: (B, side, side, 4) float32, what it should say of them.
        straight: (B, S, S, 3) uint8, the pictures turned back, nearly to their places.
        classes: (B, side, side) uint8, each cell's class.
    """

    seen: NDArray[np.uint8]
    phases: NDArray[np.float32]
    straight: NDArray[np.uint8]
    classes: NDArray[np.uint8]


class Lessons:
    """Draws lessons without end; they follow from the seed. An iterator."""

    def __init__(self, tasks: Sequence[Task], config: ReaderConfig, seed: int) -> None:
        """Gather positions of each task, which are of one game on boards of several sizes.

        Raises:
            UsageError: the game has no sight, or no oracle.
        """
        self.tasks, self.config = tasks, config
        self._rng = np.random.default_rng(derived_seed(seed, "reader", "lessons"))
        self._boards = [
            gather(task, derived_seed(seed, "reader", "boards"), max(1, config.cells // sight_of(task).side ** 2))
            for task in tasks
        ]
        self._sheets: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._drawn = 0

    def __iter__(self) -> Iterator[Lesson]:
        """Return itself."""
        return self

    def __next__(self) -> Lesson:
        """Return the next lesson: boards of one size, drawn at random among the tasks."""
        if self._drawn % self.config.redraw == 0:
            self._dress()
        self._drawn += 1
        which = int(self._rng.integers(len(self.tasks)))
        task = self.tasks[which]
        sight = sight_of(task)
        observations = self._positions(task, self._boards[which])
        pixels, poses = self._photographed(task, observations)
        pixels = resized(pixels, sight.side * CELL_PX, sight.side * CELL_PX)
        seen, phases = self._moved_on(pixels, poses, sight.side)
        classes = sight.label(observations).reshape(-1, sight.side, sight.side)
        return Lesson(seen, phases, straightened(pixels, self._missed(poses, sight.side)), classes)

    def _dress(self) -> None:
        """Draw the looks of the next lessons: the named ones, and random ones."""
        sight, rng = sight_of(self.tasks[0]), self._rng
        px = max(DRAWN_PX, int(rng.choice(self.config.cell_px)))
        named = [sight.sheet(look, px) for look in sight.looks]
        self._sheets = np.stack([*named, *(sight.random_sheet(px, rng) for _ in range(self.config.pool))])

    def _positions(self, task: Task, boards: Observations) -> Observations:
        """Return a batch of positions, turned or mirrored at random where the game allows it, and varied."""
        sight, rng = sight_of(task), self._rng
        batch = boards.take(rng.integers(len(boards), size=max(1, self.config.batch_cells // sight.side**2)))
        if task.symmetry is not None:
            batch = task.symmetry.images(batch, rng.integers(task.symmetry.count, size=len(batch)))
        return sight.vary(batch, rng)

    def _photographed(self, task: Task, observations: Observations) -> tuple[NDArray[np.uint8], Poses]:
        """Return pictures, of one resolution, and how they lie.

        A board in a named look is drawn half the time in the game's own, the first, and otherwise in any of the named ones.
        """
        sight, rng, count = sight_of(task), self._rng, len(observations)
        named = len(sight.looks)
        looks = np.where(
            rng.random(count) < self.config.named,
            rng.integers(named, size=count) * (rng.random(count) < 0.5),
            rng.integers(named, len(self._sheets), count),
        )
        drawn_px = self._sheets.shape[2]
        fitting = [px for px in self.config.cell_px if max(px, DRAWN_PX) == drawn_px]
        px = int(rng.choice(fitting))
        pixels = resized(sight.compose(observations, self._sheets, looks), sight.side * px, sight.side * px)
        touched = rng.random(count) >= self.config.clean
        poses, pixels = self._turned(pixels, px, touched)
        rows = np.flatnonzero(touched)
        if len(rows):
            pixels[rows] = self._spoilt(pixels[rows], px, sight.focus(observations)[rows], sight.side)
        return pixels, poses

    def _turned(self, pixels: NDArray[np.uint8], px: int, touched: NDArray[np.bool_]) -> tuple[Poses, NDArray[np.uint8]]:
        """Return poses at random, zero where a picture is not touched, and the pictures that lie so."""
        camera, rng, count = self.config.camera, self._rng, len(pixels)
        angles = np.radians(camera.rotation) * rng.uniform(-1, 1, count) * touched
        far, way = camera.shift * rng.random(count) * touched, 2 * np.pi * rng.random(count)
        down, right = far * np.sin(way), far * np.cos(way)
        poses = Poses(angles, np.cos(angles) * down - np.sin(angles) * right, np.sin(angles) * down + np.cos(angles) * right)
        return poses, turned(pixels, angles, px * down, px * right)

    def _spoilt(self, pixels: NDArray[np.uint8], px: int, focus: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """Return pictures with everything else that a camera does to them; what hides cells stays rare."""
        camera, rng = self.config.camera, self._rng
        keys = rng.integers(0, 2**64, len(pixels), dtype=np.uint64)
        pixels = expose(
            pixels,
            keys,
            blur=camera.blur * px,
            colour=camera.colour,
            occlusion=camera.occlusion if rng.random() < SOMETIMES else 0.0,
            noise=camera.noise,
            scatter=True,
        )
        if rng.random() < SOMETIMES and camera.jpeg:
            pixels = compress(pixels, keys, camera.jpeg, scatter=True)
        if rng.random() < SELDOM and camera.window:
            darken(pixels, focus, side, int(rng.integers(1, camera.window + 1)))
        return pixels

    def _moved_on(self, pixels: NDArray[np.uint8], poses: Poses, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return pictures that are moved by whole pixels besides, and what the lattice network should say of them.

        All shifts are equally likely. A cell that shows nothing then says nothing, where it would else vote for the likeliest.
        """
        half, length = CELL_PX // 2, pixels.shape[1]
        start = self._rng.integers(0, CELL_PX, (len(pixels), 2))
        wide = np.pad(pixels, ((0, 0), (half, half), (half, half), (0, 0)), mode="edge")
        seen = np.stack([wide[row, y : y + length, x : x + length] for row, (y, x) in enumerate(start)])
        on = (half - start) / CELL_PX
        down, right = offsets(Poses(poses.angles, poses.down + on[:, 0], poses.right + on[:, 1]), side)
        around = [turn(2 * np.pi * way) for way in (down, right) for turn in (np.cos, np.sin)]
        return seen, np.stack(around, axis=-1).astype(np.float32)

    def _missed(self, poses: Poses, side: int) -> Poses:
        """Return the poses as they are found: a little beside the true ones, but for pictures that lie straight."""
        rng, count = self._rng, len(poses.angles)
        moved = (poses.angles != 0) | (poses.down != 0) | (poses.right != 0)
        beside = rng.normal(size=(3, count)) * moved
        return Poses(
            poses.angles + MISSED_TURN * 2 / side * beside[0],
            poses.down + MISSED_SHIFT * beside[1],
            poses.right + MISSED_SHIFT * beside[2],
        )


def ahead(lessons: Iterator[Lesson]) -> Generator[Lesson, None, None]:
    """Yield the same lessons; another thread draws each one while the one before it is learned."""
    with ThreadPoolExecutor(1) as drawer:
        coming = drawer.submit(next, lessons)
        while True:
            lesson = coming.result()
            coming = drawer.submit(next, lessons)
            yield lesson
