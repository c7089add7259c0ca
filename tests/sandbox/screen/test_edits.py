from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import holds_edits
from ouroloop.sandbox.screen.diff import lines_of
from ouroloop.sandbox.screen.edits import Edit, apply_edits, read_edits

OLD = "".join(f"line {i}\n" for i in range(1, 10)) + "same\nsame\n"
LINES = st.lists(st.sampled_from(["a", "b", "", "  c", "=", "# ====", "\u2028", "\x0c"]), min_size=1, max_size=12)


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def edited(text: str, base: str = OLD) -> str:
    return apply_edits(read_edits(text)[0], base)


def reason(text: str, base: str = OLD) -> str:
    with pytest.raises(CandidateFault) as caught:
        edited(text, base)
    assert len(caught.value.reason) <= 300
    return f"{caught.value.layer}: {caught.value.reason}"


def test_blocks_are_found_in_the_file_as_it_was_in_any_order() -> None:
    text = block("line 7\n", "line 2\n") + "then\n" + block("line 2\nline 3\n", "") + block("line 9\n", "9\nline 7\n")
    assert edited(text) == "line 1\nline 4\nline 5\nline 6\nline 2\nline 8\n9\nline 7\nsame\nsame\n"


def test_what_stands_outside_the_blocks_is_handed_back() -> None:
    edits, rest = read_edits("First.\n```python\n" + block("line 1\n", "1\n") + "```\nLast.")
    assert edits == [Edit(("line 1\n",), ("1\n",))]
    assert rest == "First.\nLast.\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (block("", "x\n"), "empty SEARCH"),
        (block("same\n", "x\n"), "stands at lines 10, 11; add lines"),
        (block("line 2 \n", "x\n"), "no line 'line 2 \\\\n'; the nearest is 'line 2\\\\n'"),
        (block("line 2\nline 4\n", "x\n"), "not one after the other"),
        (block("line 2\nline 3\n", "x\n") + block("line 3\n", "y\n"), "overlaps"),
        (block("line 2\n", "x\n") + block("line 2\n", "y\n"), "overlaps"),
        ("<<<<<<< SEARCH\nline 2\n", "not closed"),
        ("<<<<<<< SEARCH\nline 2\n>>>>>>> REPLACE\n", "'>>>>>>> REPLACE' where none may stand"),
        (block("line 2\n", "x\n=======\n"), "'=======' where none may stand"),
        ("=======\n" + block("line 2\n", "x\n"), "where none may stand"),
        (block("line 2\n", "<<<<<<< SEARCH\n"), "where none may stand"),
        (block("line 2\n", "x\n") * 65, "more than 64"),
        (block("line 2\n", "x\n======= \n"), "where none may stand"),
        (block("line 2\n", "<<<<<<< SEARCH \n"), "where none may stand"),
        (block("line 2\n", "x\n>>>>>>> REPLACED\n"), "where none may stand"),
    ],
)
def test_doubt_is_refused_with_a_reason_to_act_on(text: str, says: str) -> None:
    assert says.replace("\\\\", "\\") in reason(text)
    assert reason(text).startswith("text")


@pytest.mark.parametrize("title", ["scorer.py", "`game/scorer.py`", "../controller.py", "### Controller.py:", "/etc/passwd"])
def test_a_block_headed_by_another_file_is_refused(title: str) -> None:
    assert reason(f"Edit:\n{title}\n```python\n{block('line 2' + chr(10), 'x' + chr(10))}```\n").startswith("path")


@pytest.mark.parametrize("title", ["controller.py", "**controller.py**", "# `controller.py`:", "This is better.", "e.g. so:"])
def test_other_lines_before_a_block_are_prose(title: str) -> None:
    assert edited(f"{title}\n{block('line 2' + chr(10), 'x' + chr(10))}") == OLD.replace("line 2", "x")


@given(LINES, LINES, st.data())
def test_an_exact_unique_search_is_applied_and_no_other(old: list[str], new: list[str], data: st.DataObject) -> None:
    base, replace = "\n".join(old) + "\n", "\n".join(new) + "\n"
    start = data.draw(st.integers(0, len(old) - 1))
    stop = data.draw(st.integers(start + 1, len(old)))
    search = "\n".join(old[start:stop]) + "\n"
    places = [i for i in range(len(old)) if old[i : i + stop - start] == old[start:stop]]
    if len(places) == 1:
        lines = lines_of(base)
        assert edited(block(search, replace), base) == "".join([*lines[:start], replace, *lines[stop:]])
    else:
        assert "stands at lines" in reason(block(search, replace), base)


@given(st.lists(st.sampled_from(["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "line 1", "x.py", "```", "a\r"]), max_size=12))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert holds_edits(text) == ("<<<<<<< SEARCH" in lines)
    with contextlib.suppress(CandidateFault):
        edited(text)
