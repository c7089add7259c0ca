"""What the benchmark is must not change without a new version."""

from __future__ import annotations

from ouroloop.bench.snake.xl.definition import BOARDS, GAMES, VERSION, Board, keys, seeds
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.seeds import STREAM_LENGTH, STREAMS, splitmix


def test_fifty_seeds_five_sizes_three_densities() -> None:
    assert len(seeds()) == GAMES == len(set(seeds())) == 50
    assert len(BOARDS) == 15 == len(set(BOARDS))
    assert len({board.size for board in BOARDS}) == 5
    assert len({board.walls for board in BOARDS}) == 3


def test_this_version_is_pinned() -> None:
    """Another number here is another benchmark: raise VERSION, and play the committed results again."""
    assert VERSION == 1
    assert content_hash([list(seeds()), [[board.size, board.walls] for board in BOARDS]])[:16] == "bb97ebc01138f7ef"


def test_every_board_has_its_walls_and_no_seed_is_an_evaluations() -> None:
    for board in BOARDS:
        engine = board.task().engine(keys(0, 3))
        assert ((board.size**2 - engine.room) == int(board.walls * board.size**2)).all() or board.size == 6
        assert (engine.room < board.size**2).all() == bool(board.walls)
    streams = {splitmix(0, stream * STREAM_LENGTH + game) for stream in STREAMS.values() for game in range(1000)}
    assert not streams & set(seeds())


def test_a_board_says_what_it_is() -> None:
    assert Board(10, 0.05).name == "10x10, walls 5 %"
    assert Board(8, 0.0).name == "8x8"
