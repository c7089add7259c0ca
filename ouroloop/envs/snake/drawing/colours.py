"""The colours that a game of Snake is drawn in."""

from __future__ import annotations

from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]

NIGHT: Final[Colour] = (15, 18, 26)
"""Around the board."""
GROUND: Final[tuple[Colour, Colour]] = ((25, 30, 42), (29, 35, 49))
"""Empty cells, in the two colours of a chessboard."""
STONE: Final[Colour] = (92, 103, 125)
APPLE: Final[Colour] = (255, 92, 92)
LEAF: Final[Colour] = (126, 217, 107)
INK: Final[Colour] = (16, 24, 32)
PALE: Final[Colour] = (236, 240, 247)
MUTED: Final[Colour] = (138, 148, 168)
BODY: Final[tuple[Colour, ...]] = ((205, 246, 96), (66, 205, 134), (30, 128, 150), (52, 74, 138))
"""The snake from head to tail."""
WARM: Final[tuple[Colour, ...]] = ((96, 24, 72), (204, 56, 56), (255, 136, 44), (255, 216, 96))
"""Heat from little to much."""


def gradient(share: float) -> Colour:
    """Return the snake's colour at a share of its length, 0 at the head and 1 at the tail."""
    return along(BODY, share)


def warmth(heat: float) -> Colour:
    """Return the colour of a heat in [0, 1]."""
    return along(WARM, heat)


def along(ramp: tuple[Colour, ...], share: float) -> Colour:
    """Return the colour at a share, in [0, 1], of the way through several colours."""
    at = share * (len(ramp) - 1)
    low = min(int(at), len(ramp) - 2)
    return blend(ramp[low], ramp[low + 1], at - low)


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return a mix of two colours: the first at share 0, the second at share 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
