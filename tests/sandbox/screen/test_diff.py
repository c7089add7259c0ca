from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.diff import apply_diff, check_paths, make_diff

OLD = "".join(f"line {i}\n" for i in range(1, 21))
HEAD = "--- a/controller.py\n+++ b/controller.py\n"
TEXTS = st.lists(
    st.sampled_from(["a", "b", "", " x", "-- y", "++ z", "@@ -1 +1 @@", "\\ q", "\u2028", "\x0c", "\r"]), max_size=30
).map("\n".join)


def layer_or_none(call: Callable[[], object]) -> str | None:
    try:
        call()
    except CandidateFault as fault:
        return fault.layer
    return None


@given(TEXTS, TEXTS)
def test_what_make_diff_makes_apply_diff_applies(old: str, new: str) -> None:
    diff = make_diff(old, new)
    if old == new:
        assert diff == ""
    else:
        check_paths(diff)
        assert apply_diff(diff, old) == new


@given(TEXTS, TEXTS, TEXTS)
def test_a_diff_applies_to_its_own_base_or_is_refused(old: str, new: str, other: str) -> None:
    diff = make_diff(old, new)
    if not diff:
        return
    if layer_or_none(lambda: apply_diff(diff, other)) is None:
        # It fits here too: then the way back must as well.
        result = apply_diff(diff, other)
        assert result == other or apply_diff(make_diff(result, other), result) == other


@given(st.text(max_size=300), st.text(max_size=100))
def test_any_text_is_applied_or_refused(diff: str, base: str) -> None:
    assert layer_or_none(lambda: check_paths(diff)) in (None, "text", "path")
    assert layer_or_none(lambda: apply_diff(diff, base)) in (None, "text")


@given(st.data())
def test_a_diff_with_one_line_changed_is_never_misapplied(data: st.DataObject) -> None:
    new = OLD.replace("line 5\n", "five\n").replace("line 15\n", "")
    lines = make_diff(OLD, new).split("\n")
    at = data.draw(st.integers(2, len(lines) - 2))
    lines[at] = data.draw(st.sampled_from([lines[at][:1] + "other", "", " line 5", "+more", "-line 5", "@@ -1,2 +1,2 @@"]))
    try:
        result = apply_diff("\n".join(lines), OLD)
    except CandidateFault:
        return
    # Counts are put right, but what a line says is taken to the letter: nothing else is lost or comes in.
    body = [line for line in lines[2:] if not line.startswith("@@")]
    removed, added = (Counter(line[1:] for line in body if line.startswith(sign)) for sign in "-+")
    assert Counter(result.split("\n")) == Counter(OLD.split("\n")) - removed + added
    assert not removed - Counter(OLD.split("\n"))


REFUSED = {
    "cut off in a change": "@@ -1,4 +1,4 @@\n line 1\n-line 2\n+two\n",
    "cut off at the end of the file": "@@ -19,2 +19,4 @@\n-line 19\n-line 20\n+new\n",
    "insertion without context": "@@ -20 +20,2 @@\n+new\n",
    "cut off before its lines": "@@ -1,4 +1,4 @@\n",
    "wrong count, wrong place": "@@ -2,4 +2,4 @@\n line 1\n-line 2\n+two\n line 3\n",
    "wrong count, text after it": "@@ -1,4 +1,4 @@\n line 1\n-line 2\n+two\n line 3\nThat is all.\n",
    "wrong count, second file": "@@ -2,2 +2,2 @@\n-line 2\n+two\n line 3\n" + HEAD + "@@ -9,2 +9,1 @@\n-line 9\n+nine\n",
    "context differs": "@@ -1,2 +1,2 @@\n line one\n-line 2\n+two\n",
    "context has other spaces": "@@ -1,2 +1,2 @@\n line 1 \n-line 2\n+two\n",
    "right lines, wrong place": "@@ -2,2 +2,2 @@\n line 1\n-line 2\n+two\n",
    "wrong new start": "@@ -1,2 +3,2 @@\n line 1\n-line 2\n+two\n",
    "overlap": "@@ -1,2 +1,2 @@\n line 1\n-line 2\n+two\n@@ -2,2 +2,2 @@\n-line 2\n+2\n line 3\n",
    "out of order": "@@ -9,1 +9,1 @@\n-line 9\n+nine\n@@ -2,1 +2,1 @@\n-line 2\n+two\n",
    "past the end": "@@ -40,1 +40,1 @@\n-line 40\n+forty\n",
    "text after the hunk": "@@ -2,1 +2,1 @@\n-line 2\n+two\nThat is all.\n",
    "text between hunks": "@@ -2,1 +2,1 @@\n-line 2\n+two\n\n@@ -9,1 +9,1 @@\n-line 9\n+nine\n",
    "second file": "@@ -2,1 +2,1 @@\n-line 2\n+two\n" + HEAD + "@@ -9,1 +9,1 @@\n-line 9\n+nine\n",
    "marker glues lines": "@@ -2,1 +2,2 @@\n-line 2\n+# x\n\\ No newline at end of file\n+import os\n",
    "marker in the middle": "@@ -2,1 +2,1 @@\n-line 2\n+two\n\\ No newline at end of file\n",
    "unknown marker": "@@ -20,1 +20,1 @@\n-line 20\n+twenty\n\\ Kein Zeilenumbruch\n",
    "no hunks": "",
    "huge numbers": "@@ -99999999999999999999,1 +1,1 @@\n-line 2\n+two\n",
    "other digits": "@@ -٢,1 +٢,1 @@\n-line 2\n+two\n",
}


RECOUNTED = {
    "too large": ("@@ -1,7 +1,9 @@\n line 1\n-line 2\n+two\n line 3\n", {2: "two"}),
    "too small": ("@@ -1,1 +1,1 @@\n line 1\n-line 2\n+two\n", {2: "two"}),
    "at the end of the file": ("@@ -19,9 +19,9 @@\n line 19\n-line 20\n+twenty\n", {20: "twenty"}),
    "in the first of two": (
        "@@ -1,2 +1,2 @@\n line 1\n+and\n line 2\n@@ -8,3 +8,3 @@\n line 8\n-line 9\n+nine\n line 10\n",
        {1: "line 1\nand", 9: "nine"},
    ),
    "omitted": ("@@ -1 +1 @@\n line 1\n-line 2\n+two\n line 3\n", {2: "two"}),
}
"""Diffs with wrong counts, and what stands in the place of which line afterwards."""


@pytest.mark.parametrize("name", RECOUNTED)
def test_wrong_counts_alone_are_put_right(name: str) -> None:
    diff, changes = RECOUNTED[name]
    expected = "".join(f"{changes.get(i, f'line {i}')}\n" for i in range(1, 21))
    assert apply_diff(HEAD + diff, OLD) == expected


@given(TEXTS, TEXTS, st.data())
def test_a_diff_with_any_wrong_count_is_applied_as_it_was_meant_or_refused(old: str, new: str, data: st.DataObject) -> None:
    lines = make_diff(old, new).split("\n")
    numbers = st.integers(0, 40)
    for at, line in enumerate(lines):
        found = re.fullmatch(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@", line)
        if found:
            lines[at] = f"@@ -{found[1]},{data.draw(numbers)} +{found[2]},{data.draw(numbers)} @@"
    results: list[str] = []
    assert layer_or_none(lambda: results.append(apply_diff("\n".join(lines), old))) in (None, "text")
    assert results in ([], [new])


@pytest.mark.parametrize("name", REFUSED)
def test_inexact_diffs_are_refused(name: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        apply_diff(HEAD + REFUSED[name], OLD)
    assert caught.value.layer == "text"


def test_a_stripped_blank_context_line_is_read_as_one() -> None:
    # Editors and models strip the one space of an empty context line; git reads it, and it is exact.
    assert apply_diff(HEAD + "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", "a\n\nb\n") == "a\n\nc\n"


@pytest.mark.parametrize(
    ("header", "layer"),
    [
        ("--- a/controller.py\n+++ b/other.py\n", "path"),
        ("--- /dev/null\n+++ b/controller.py\n", "path"),
        ("--- a/controller.py\n+++ /dev/null\n", "path"),
        ("--- a/./controller.py\n+++ b/./controller.py\n", "path"),
        ("--- a/sub/../controller.py\n+++ b/sub/../controller.py\n", "path"),
        ("--- a/Controller.py\n+++ b/Controller.py\n", "path"),
        ("--- a/controller.py\t2024\n+++ b/controller.py\t2024\n", "path"),
        ("--- a/controller.py \n+++ b/controller.py \n", "path"),
        ('--- "a/controller.py"\n+++ "b/controller.py"\n', "path"),
        ("--- a/cοntroller.py\n+++ b/cοntroller.py\n", "path"),
        ("--- b/controller.py\n+++ a/controller.py\n", "path"),
        ("diff --git a/x.py b/controller.py\n--- a/controller.py\n+++ b/controller.py\n", "path"),
        ("+++ b/controller.py\n--- a/controller.py\n", "path"),
        ("rename from a.py\nrename to controller.py\n" + HEAD, "text"),
        ("old mode 100644\nnew mode 100755\n" + HEAD, "text"),
        ("index 1234567..89abcde 120000\n" + HEAD, "text"),
        ("Binary files a/controller.py and b/controller.py differ\n" + HEAD, "text"),
        ("Some prose\n" + HEAD, "text"),
    ],
)
def test_headers_name_the_one_file_byte_for_byte(header: str, layer: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        check_paths(header + "@@ -2,1 +2,1 @@\n-line 2\n+two\n")
    assert caught.value.layer == layer


@pytest.mark.parametrize(
    "header",
    [
        HEAD,
        "--- controller.py\n+++ controller.py\n",
        "diff --git a/controller.py b/controller.py\nindex 12345..abcde 100644\n" + HEAD,
    ],
)
def test_usual_headers_pass(header: str) -> None:
    diff = header + "@@ -2,1 +2,1 @@ def act\n-line 2\n+two\n"
    check_paths(diff)
    assert apply_diff(diff, OLD) == OLD.replace("line 2\n", "two\n")


def test_the_reason_says_what_the_file_has() -> None:
    with pytest.raises(CandidateFault, match=r"line 2 should be 'line two.*the file has 'line 2"):
        apply_diff(HEAD + "@@ -1,2 +1,2 @@\n line 1\n-line two\n+x\n", OLD)
