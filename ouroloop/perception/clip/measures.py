"""What a CLIP is worth: retrieval among boards that look nearly alike, and finding what a phrase names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.perception.clip.dense import localise
from ouroloop.perception.clip.states import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ouroloop.perception.camera import Camera
    from ouroloop.perception.clip.config import States
    from ouroloop.perception.clip.model import Clip
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Who found their own among N: both arrays are (N,) bool.

    Args:
        by_image: the image's own text is nearer to it than any other text.
        by_text: the text's own image is nearer to it than any other image.
    """

    by_image: NDArray[np.bool_]
    by_text: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Localisation:
    """How a phrase was found in the pictures that show what it names.

    Args:
        hits: (N,) bool: the best cell is one of those named.
        precision: (N,) float64: the average precision of the cells in the order of their scores.
        chance: mean share of the cells that are named: the hits of a guess.
    """

    hits: NDArray[np.bool_]
    precision: NDArray[np.float64]
    chance: float


def retrieve(clip: Clip, camera: Camera, boards: Observations, states: States = "caption") -> Retrieval:
    """Return who is found among boards that all look different, each by its picture and its text; a tie counts as a miss."""
    images = clip.of_pictures(camera.look(boards))
    return matches(images, clip.of_texts(texts_of(camera.task, boards, states)))


def matches(images: NDArray[np.float32], texts: NDArray[np.float32]) -> Retrieval:
    """Return who is nearest to its own of the other kind; both arrays are (N, width) with rows of length 1."""
    cosines = images @ texts.T
    own = cosines.diagonal().copy()
    np.fill_diagonal(cosines, -np.inf)
    return Retrieval(own > cosines.max(1), own > cosines.max(0))


def localisations(clip: Clip, camera: Camera, boards: Observations) -> Mapping[str, Localisation]:
    """Return for each of the sight's phrases how it is found in pictures of these boards.

    A board counts for a phrase if some of its cells, and not all, are what the phrase names.
    """
    sight = camera.sight
    scores = localise(clip, camera.look(boards), sight.phrases, sight.side)
    found = {}
    for place, phrase in enumerate(sight.phrases):
        marked = sight.marked(phrase, boards)
        rows = np.flatnonzero(marked.any(1) & ~marked.all(1))
        if len(rows):
            found[phrase] = _localised(scores[rows, :, place], marked[rows])
    return found


def _localised(scores: NDArray[np.float32], marked: NDArray[np.bool_]) -> Localisation:
    order = np.argsort(-scores, axis=1, kind="stable")
    hit = np.take_along_axis(marked, order, axis=1)
    precisions = hit.cumsum(1) / np.arange(1, hit.shape[1] + 1)
    average = (precisions * hit).sum(1) / hit.sum(1)
    return Localisation(hit[:, 0], average, float(marked.mean()))
