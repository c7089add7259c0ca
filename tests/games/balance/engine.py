"""A pole on a cart (Barto, Sutton and Anderson 1983), in a batch: push left or right, keep it upright, stay on the track.

A wind that follows from a game's seed pushes the pole at every move.
"""

from __future__ import annotations

import numpy as np

from ouroloop.envs.capabilities import bounded
from ouroloop.protocols.records import Observations, Outcomes

FELL, LEFT_TRACK, LASTED = range(3)
GRAVITY, PUSH, POLE, CART, MASS, TICK_S = 9.8, 10.0, 0.5, 1.1, 0.1, 0.02
ANGLE = 0.21
"""Radians at which the pole counts as fallen."""
FAIR = 50.0
"""The score of a fair player, at which utility is one half."""


def noise(seeds: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return one number in [-1, 1) for each seed and move: (B,) float64, by the finaliser of splitmix64."""
    mixed = seeds + (steps.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1


class BalanceEngine:
    """B games; `state` is (B, 4) float64: place, speed, angle, spin."""

    def __init__(self, seeds: np.ndarray, track: float, limit: int, wind: float) -> None:
        self.seeds, self.track, self.limit, self.wind = seeds.astype(np.uint64), track, limit, wind
        self.steps, self.cause = np.zeros(len(seeds), np.int32), np.full(len(seeds), -1, np.int8)
        self.state = np.zeros((len(seeds), 4))
        self.state[:, 2] = 0.05 * noise(self.seeds, np.full(len(seeds), 2**20))

    @property
    def games(self) -> int:
        return len(self.seeds)

    @property
    def done(self) -> np.ndarray:
        return self.cause >= 0

    def observations(self, rows: np.ndarray | None = None) -> Observations:
        at = slice(None) if rows is None else rows
        seen = self.state[at].astype(np.float32)
        columns = {
            "motion": seen[:, :2].copy(),
            "angle": seen[:, 2].copy(),
            "spin": seen[:, 3].copy(),
            "step": self.steps[at].copy(),
        }
        return Observations({"track": self.track, "limit": self.limit}, columns)

    def step(self, actions: np.ndarray) -> None:
        run = np.flatnonzero(~self.done)
        place, speed, angle, spin = self.state[run].T
        force = np.where(np.asarray(actions)[run] == 1, PUSH, -PUSH)
        lean, steep = np.sin(angle), np.cos(angle)
        pull = (force + MASS * POLE * spin**2 * lean) / CART
        turn = (GRAVITY * lean - steep * pull) / (POLE * (4 / 3 - MASS * steep**2 / CART))
        turn = turn + self.wind * noise(self.seeds[run], self.steps[run])
        push = pull - MASS * POLE * turn * steep / CART
        speed, spin = speed + TICK_S * push, spin + TICK_S * turn
        self.state[run] = np.column_stack([place + TICK_S * speed, speed, angle + TICK_S * spin, spin])
        self.steps[run] += 1
        ends = (
            (np.abs(self.state[run, 2]) > ANGLE, FELL),
            (np.abs(self.state[run, 0]) > self.track, LEFT_TRACK),
            (self.steps[run] >= self.limit, LASTED),
        )
        for ended, cause in ends:
            self.cause[run[ended & (self.cause[run] < 0)]] = cause

    def step_features(self, actions: np.ndarray) -> np.ndarray:
        running = ~self.done
        before = np.abs(self.state[:, 2])
        self.step(actions)
        now = np.abs(self.state[:, 2])
        lost = self.done & (self.cause != LASTED)
        features = np.column_stack([~lost, lost, (before - now) / ANGLE, np.abs(self.state[:, 0]) / self.track])
        return (features * running[:, None]).astype(np.float32)

    def outcomes(self) -> Outcomes:
        upright = (self.steps - ((self.cause == FELL) | (self.cause == LEFT_TRACK))).astype(np.int32)
        return Outcomes(
            score=upright,
            steps=self.steps.copy(),
            won=self.cause == LASTED,
            path_optimality=np.ones(self.games),
            utility=bounded(upright, FAIR),
            cause=self.cause.copy(),
        )

    def clone(self, rows: np.ndarray) -> BalanceEngine:
        copy = BalanceEngine(self.seeds[rows], self.track, self.limit, self.wind)
        copy.steps, copy.cause, copy.state = self.steps[rows].copy(), self.cause[rows].copy(), self.state[rows].copy()
        return copy
