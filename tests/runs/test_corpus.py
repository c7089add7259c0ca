"""What of the hostile corpus only games can judge: the gate's race takes none of it, and takes a good patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.gate.race import Played, RaceRules, race
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.runs.players import Player
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

FOLDER = Path(__file__).parents[1] / "sandbox" / "corpus"
TASK = SnakeTask(size=6)
ALWAYS_UP = "def act(observation, logits):\n    return 0\n"


class Hungry:
    """A policy that rates a move by whether it leads towards the food."""

    def logits(self, observations: Observations) -> np.ndarray:
        columns = observations.columns
        head, food, size = columns["snake"][:, 0].astype(int), columns["food"].astype(int), TASK.size
        down, right = food // size - head // size, food % size - head % size
        wishes = np.stack([-down, down, -right, right], axis=1)
        return (np.sign(wishes) + np.array([0.03, 0.02, 0.01, 0.0])).astype(np.float32)


@pytest.fixture(scope="module")
def wasm() -> Iterator[WasmSandbox]:
    sandbox = WasmSandbox(TASK.toolkit_source, 4)
    yield sandbox
    sandbox.close()


def accepted(wasm: WasmSandbox, source: str, incumbent: str) -> bool:
    """Return whether the gate's paired games show a controller better than another."""
    players = [Player(Hungry(), wasm.open(text), None, lambda text=text: wasm.open(text)) for text in (source, incumbent)]

    def play(names: Sequence[str], first: int, count: int) -> Played:
        seeds = list(range(1000 + first, 1000 + first + count))
        try:
            mine = players[0].play(TASK, seeds).utility
        except CandidateFault as fault:
            return Played(np.zeros(count), {"candidate": fault})
        return Played(players[1].play(TASK, seeds).utility, {"candidate": mine})

    try:
        rules = RaceRules(games=96, batch=32, gain=0.03, beta=0.07)
        return race(play, {"candidate": 0.05}, rules)["candidate"].accepted
    finally:
        for player in players:
            player.session.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("g*.py")), ids=lambda path: path.stem)
def test_nothing_of_the_corpus_gets_in_by_games(wasm: WasmSandbox, path: Path) -> None:
    # Unscreened, so that what the layers before the gate refuse meets it too.
    try:
        assert not accepted(wasm, path.read_text(encoding="utf-8"), TASK.start_controller)
    except CandidateFault:
        return  # it could not even be loaded


@pytest.mark.slow
def test_the_control_gets_in_where_it_is_better(wasm: WasmSandbox) -> None:
    assert accepted(wasm, (FOLDER / "g15_good_patch.py").read_text(encoding="utf-8"), ALWAYS_UP)
