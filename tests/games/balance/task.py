"""The balance game as a task: two actions, observations of floats, no oracle, no teachers, no best score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Ending, Observations, ToolkitFunction
from tests.games.balance.encoding import BinsEncoding
from tests.games.balance.engine import ANGLE, BalanceEngine

START = '''"""Plays what the policy rates highest."""


def act(observation, logits):
    return 0 if logits[0] >= logits[1] else 1
'''


class BalanceTask:
    """Keep a pole upright for `limit` moves on a track of `track` metres to either side, in a wind."""

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        track: float = Field(default=2.4, gt=0)
        limit: int = Field(default=200, ge=1)
        wind: float = Field(default=1.5, ge=0)

    def __init__(self, track: float = 2.4, limit: int = 200, wind: float = 1.5) -> None:
        self.track, self.limit, self.wind = track, limit, wind
        self.name = "balance"
        self.actions = ("left", "right")
        self.causes = ("fell", "left_track", "lasted")
        self.endings = {
            "fell": Ending(kind="blunder", finding="falls", doc="end with a fallen pole", trap=True),
            "left_track": Ending(kind="blunder", finding="drifts", doc="end beyond the track"),
            "lasted": Ending(kind="over", finding="lasts", doc="end by the clock"),
        }
        self.best_score = self.score_bound = None
        self.features = {
            "upright": "1 where the pole stands after the move",
            "lost": "1 where the game is lost by the move",
            "righted": "how much less the pole leans, as a share of the angle at which it falls",
            "drift": "distance from the middle as a share of half the track, 0 to 1",
        }
        self.toolkit = (
            ToolkitFunction(
                "leaning", "(observation) -> int", "Action that pushes under the side to which the pole leans.", "move"
            ),
            ToolkitFunction("falling", "(observation) -> int", "Action that pushes to where the pole is falling.", "move"),
            ToolkitFunction("off_centre", "(observation) -> float", "Distance from the middle, as a share.", "other"),
        )
        self.toolkit_source = Path(__file__).with_name("toolkit.py").read_text(encoding="utf-8")
        self.start_controller = START
        self.oracle = None
        self.teachers = None
        self.symmetry = self.drawing = self.sight = None
        self.encodings = ("bins",)

    def encoding(self, name):
        if name not in self.encodings:
            raise UsageError(f"encoding {name!r} is not known: choose one of {', '.join(self.encodings)}")
        return BinsEncoding(self.track)

    def engine(self, seeds):
        return BalanceEngine(seeds, self.track, self.limit, self.wind)

    def positions(self, seed, count):
        """Play a steady hand that errs at times, each game up to a move of its own."""
        rng = np.random.default_rng(seed % 2**64)
        games = self.engine(rng.integers(0, 2**64, count, dtype=np.uint64))
        kept, stops = games.clone(np.arange(count)), np.arange(count) * self.limit // max(1, count)
        for step in range(self.limit):
            running = np.flatnonzero(~games.done & (stops >= step))
            fresh = games.clone(running)
            for name in ("state", "steps", "cause"):
                getattr(kept, name)[running] = getattr(fresh, name)
            place, speed, angle, spin = games.state.T
            steady = (angle + 0.4 * spin + 0.05 * place + 0.1 * speed > 0).astype(np.int8)
            games.step(np.where(rng.random(count) < 0.1, 1 - steady, steady))
        return kept

    def progress(self, engine):
        return (engine.steps / self.limit).astype(np.float32)

    def reward(self, features):
        return np.asarray(0.02 * features[..., 0] - features[..., 1], dtype=np.float32)

    def render(self, observations: Observations, cell_px: int = 8):
        side = 8 * cell_px
        pixels = np.full((len(observations), side, side, 3), 255, np.uint8)
        tips = (side / 2 + side / 2 * np.clip(observations.columns["angle"] / ANGLE, -0.99, 0.99)).astype(int)
        for row, tip in enumerate(tips):
            pixels[row, : side // 2, tip] = 0
        return pixels

    def ansi(self, observations: Observations, row: int) -> str:
        seen = observations.row(row)
        place, lean, turn = seen["motion"][0], seen["angle"], seen["spin"]
        return f"move {seen['step']}: at {place:+.2f} m, leans {lean:+.3f} rad, turns {turn:+.2f} rad/s"
