"""Verification finds each change: of a byte, and of a value by somebody who writes a right hash over it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ouroloop.bench.snake.xl.checking import verify
from ouroloop.bench.snake.xl.results import Refused

CLAIMED = ("player", "package")
"""What a file says of who played, which no game shows."""
ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))
    else:
        yield path


def changed(value: Any, draw: st.DataObject) -> Any:
    """Return another value, most often of the same type."""
    near = {
        bool: lambda: not value,
        int: lambda: value + draw.draw(st.sampled_from([-1, 1, 7])),
        float: lambda: draw.draw(st.sampled_from([value + 1e-6, value * 0.999, value + 0.01])),
        str: lambda: draw.draw(st.sampled_from([value + "x", value[:-1], "won", value.swapcase()])),
    }.get(type(value), lambda: 1)()
    return draw.draw(st.sampled_from([near, near, near, None, -3, "other", [1]]))


def test_an_untouched_file_is_verified(file: Path) -> None:
    told: list[float] = []
    result = verify(file, told.append)
    assert [played.board.name for played in result.boards] == ["6x6", "6x6, walls 10 %"]
    assert not result.overall.complete
    assert told == [0.0, 0.5]


@ANY
@given(data=st.data())
def test_each_changed_value_is_found_even_under_a_right_hash(
    data: st.DataObject, file: Path, astar: str, rehashed: Callable[[dict[str, Any]], str]
) -> None:
    document = json.loads(astar)
    path = data.draw(st.sampled_from([path for path in leaves(document) if path[0] not in (*CLAIMED, "hash")]))
    place = document
    for key in path[:-1]:
        place = place[key]
    old = copy.deepcopy(place[path[-1]])
    place[path[-1]] = new = changed(old, data)
    if new == old or path[-1] == "seconds":
        return
    file.write_text(rehashed(document))
    with pytest.raises(Refused) as refused:
        verify(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert "\n" not in str(refused.value)


@ANY
@given(data=st.data())
def test_each_changed_byte_is_found(data: st.DataObject, file: Path, astar: str) -> None:
    raw = bytearray(astar.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["other", "gone", "twice"]))
    if kind == "other":
        raw[at] ^= data.draw(st.integers(1, 255))
    else:
        raw[at : at + 1] = b"" if kind == "gone" else raw[at : at + 1] * 2
    if bytes(raw) == astar.encode():
        return
    file.write_bytes(bytes(raw))
    with pytest.raises(Refused):
        verify(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["boards"][0]["score"].__setitem__(1, 30), r"boards\[0\] \(6x6\): game 1: score 30, its moves give"),
        (lambda d: d["boards"][1]["cause"].__setitem__(2, "won"), r"boards\[1\] .*: game 2: cause won, its moves give"),
        (lambda d: d["boards"][0]["utility"].__setitem__(0, 0.9), r"boards\[0\] .*: game 0: utility 0.9"),
        (lambda d: d["boards"][0]["figures"]["score"].__setitem__("high", 33.0), r"figures\.score\.high: 33.0"),
        (lambda d: d["boards"][0]["figures"].__setitem__("decisions_per_s", 9e9), r"figures\.decisions_per_s"),
        (lambda d: d["boards"][0].__setitem__("seconds", 1e-3), r"figures\.decisions_per_s"),
        (lambda d: d["overall"].__setitem__("utility", 0.99), r"overall\.utility: 0.99"),
        (lambda d: d["overall"].__setitem__("complete", True), r"overall\.complete: True"),
        (lambda d: d["seeds"].__setitem__(4, 4), r"seeds\[4\]: not those"),
        (lambda d: d["seeds"].pop(), r"seeds: not those"),
        (lambda d: d["boards"].reverse(), "boards: expected boards of the benchmark"),
        (lambda d: d["boards"].append(d["boards"][0]), "boards: expected boards of the benchmark"),
        (lambda d: d["boards"][0].__setitem__("size", 7), "boards: expected boards of the benchmark"),
        (lambda d: d["boards"][0]["steps"].pop(), "steps: 2 entries, 3 of score"),
        (lambda d: d["boards"][0].__setitem__("cannot_play", "no"), "expected games, or `cannot_play`"),
        (lambda d: d["boards"][0].__setitem__("figures", None), "figures: missing"),
        (lambda d: d["boards"][0].__setitem__("moves", d["boards"][1]["moves"]), "moves"),
        (lambda d: d.__setitem__("version", 2), "version 2 of snake-xl, this package plays version 1"),
        (lambda d: d.__setitem__("benchmark", "chess"), "no result of snake-xl"),
        (lambda d: d.__setitem__("extra", 1), "extra"),
        (lambda d: d["player"].__setitem__("name", "x" * 81), r"player\.name"),
    ],
)
def test_a_change_is_named(
    change: Callable[[dict[str, Any]], Any], said: str, file: Path, rehashed: Callable[[dict[str, Any]], str]
) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(rehashed(document))
    with pytest.raises(Refused, match=said):
        verify(file)


def test_a_file_that_is_no_result_is_refused_in_one_line(tmp_path: Path) -> None:
    for text in ("", "[]", "{", '{"benchmark": "snake-xl", "version": NaN}', "[" * 100_000, "\x1b[31m"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(Refused, match=r"x\.json: ") as refused:
            verify(tmp_path / "x.json")
        assert "\n" not in str(refused.value)
        assert "\x1b" not in str(refused.value)
    with pytest.raises(Refused, match="No such file"):
        verify(tmp_path / "none.json")


def test_a_game_that_was_cut_short_counts_nothing(file: Path, rehashed: Callable[[dict[str, Any]], str]) -> None:
    """Who leaves out the moves that lose a game gets no score for it."""
    from ouroloop.bench.snake.xl.moves import pack, unpack

    document = json.loads(file.read_text())
    board = document["boards"][0]
    moves = unpack(board["moves"], board["steps"])
    moves[0] = moves[0][:-1]
    board["moves"], board["steps"][0] = pack(moves), len(moves[0])
    file.write_text(rehashed(document))
    with pytest.raises(Refused, match=r"game 0: score \d+, its moves give 0"):
        verify(file)
