from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroboros.protocols.errors import CandidateFault
from ouroboros.sandbox.diff import apply_diff, check_paths, make_diff

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
    # Only an added line can change freely: everything else must match the base and the counts.
    kept = [line for line in result.split("\n") if line in OLD.split("\n")]
    assert kept == [line for line in new.split("\n") if line in kept]


REFUSED = {
    "count too large": "@@ -1,4 +1,4 @@\n line 1\n-line 2\n+two\n",
    "count too small": "@@ -1,1 +1,1 @@\n line 1\n-line 2\n+two\n",
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
