from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.diff import make_diff
from ouroloop.sandbox.screen.lint import check_bandit
from ouroloop.sandbox.screen.static import static_screen

BASE = "def act(observation, logits):\n    return logits.index(max(logits))\n"
NEW = "def act(observation, logits):\n    return logits.index(min(logits))\n"
DIFF = make_diff(BASE, NEW)
EDIT = "<<<<<<< SEARCH\n    return logits.index(max(logits))\n=======\n    return logits.index(min(logits))\n>>>>>>> REPLACE\n"


def layer_or_none(call: Callable[[], object]) -> str | None:
    try:
        call()
    except CandidateFault as fault:
        return fault.layer
    return None


def layer_of(text: str, base: str = BASE) -> str:
    with pytest.raises(CandidateFault) as caught:
        static_screen(text, base)
    assert len(caught.value.reason) <= 300
    return caught.value.layer


@pytest.mark.parametrize(
    "text",
    [
        DIFF,
        "\n" + DIFF + "\n\n",
        f"```diff\n{DIFF}```\n",
        DIFF.replace("-1,2", "-1,3"),
        EDIT,
        f"I change one line of controller.py:\n\ncontroller.py\n```python\n{EDIT}```\nThat is all.\n",
        f"**controller.py**\n```\n{EDIT}\n```",
        f"Sure, this helps:\n\n```diff\n{DIFF}```\nIt takes the smallest. \U0001f600\n",
        f"```\n{DIFF}```",
        NEW,
        NEW.rstrip("\n"),
        f"The whole file:\n```python\n{NEW}```\n",
        "diff --git a/controller.py b/controller.py\nindex 1234567..7654321 100644\n" + DIFF,
    ],
)
def test_every_usual_form_of_an_answer_is_read(text: str) -> None:
    screened = static_screen(text, BASE)
    assert screened.source == NEW
    assert screened.diff == DIFF
    assert set(screened.ms) - {"path"} == {"text", "bytes", "ast", "bandit"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would not change anything.",
        f"Here:\n{DIFF}",
        f"```diff\n{DIFF}```\nor\n```diff\n{DIFF}```\n",
        f"```diff\n{DIFF}```\n{DIFF}",
        f"```python\n{NEW}```\n```diff\n{DIFF}```\n",
        f"```diff\n{DIFF}",
        f"```python\n{NEW}```\n\ndef act(observation, logits):\n    return 0\n",
        "x" * 300_000,
        BASE,
        NEW.replace("min", "max") + f"PATCH = {DIFF!r}\n",
        f'"""\n{DIFF}"""\n{NEW}',
        EDIT + DIFF,
        EDIT + "  " + EDIT.replace("\n", "\n  "),
        EDIT + NEW,
        EDIT.replace("=======\n", ""),
        EDIT.replace(">>>>>>> REPLACE\n", ""),
        EDIT.replace("max", "mix"),
        EDIT.replace("\n", "\r\n"),
        "*** controller.py\n--- controller.py\n***************\n",
        "act = lambda observation, logits: 0\n",
    ],
)
def test_no_answer_two_answers_and_doubt_are_refused(text: str) -> None:
    assert layer_of(text) == "text"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + NEW,
        "\ufeff" + DIFF,
        NEW.replace("\n", "\r\n"),
        DIFF.replace("\n", "\r\n"),
        f"```diff\n{DIFF}```".replace("\n", "\r\n"),
        NEW + "# \x00\n",
        NEW + "# \x0c\n",
        NEW + "# \x1b[2J\n",
        NEW + "# \u202e\n",
        NEW + "# \u2066\n",
        NEW + "# \u200b\n",
        NEW + "# \u2028\n",
        NEW + "# \ud800\n",
        "# -*- coding: utf-7 -*-\n" + NEW,
        "#!/x\n# vim: set fileencoding=utf-8 :\n" + NEW,
        NEW + "# " + "x" * 20_000 + "\n",
        NEW + f"X = {'(' * 200}0{')' * 200}\n",
        NEW + f"X = {'-' * 3000}1\n",
        NEW + f"X = {'not ' * 3000}1\n",
        NEW + f"X = {'[' * 5000}\n",
        NEW + "def f():\n" + "".join(" " * i + "if 1:\n" for i in range(1, 60)) + " " * 60 + "pass\n",
        NEW + "X = " + "1+" * 3000 + "1\n",
    ],
)
def test_bytes_and_nesting_are_refused_before_parsing(text: str) -> None:
    assert layer_of(text) == "bytes"


def test_a_diff_that_grows_the_file_past_the_cap_is_refused() -> None:
    base = BASE + "# " + "x" * 15_000 + "\n"
    assert layer_of(make_diff(base, base + "# " + "y" * 10_000 + "\n"), base) == "bytes"


@pytest.mark.parametrize("name", ["scorer.py", "../controller.py", "CONTROLLER.py", "controller.py/x"])
def test_other_paths_are_refused(name: str) -> None:
    assert layer_of(DIFF.replace("controller.py", name)) == "path"


def test_comments_alone_are_no_change() -> None:
    assert layer_of("# a comment\n" + BASE.replace("act(observation, logits)", "act(observation,  logits)")) == "ast"


def test_bandit_ignores_nosec_and_counts_what_it_cannot_read() -> None:
    for source in ("import subprocess  # nosec\n", "eval('1')  # nosec\n", "def broken(\n"):
        with pytest.raises(CandidateFault) as caught:
            check_bandit(source)
        assert caught.value.layer == "bandit"
    check_bandit("def f(x):\n    assert x\n    try:\n        return x[0]\n    except IndexError:\n        pass\n")


@given(st.text(max_size=400))
def test_any_text_passes_or_is_refused(text: str) -> None:
    assert layer_or_none(lambda: static_screen(text, BASE)) in (None, "text", "bytes", "path", "ast", "bandit")


@given(
    st.lists(
        st.sampled_from([*"()[]{}:=+-*@#\"'\\\n\t ,.", "def act(", "lambda ", "if ", "\n    ", "f'{", "x", "1", "import "]),
        max_size=60,
    )
)
def test_any_python_like_text_passes_or_is_refused(parts: list[str]) -> None:
    assert layer_or_none(lambda: static_screen(NEW + "".join(parts), BASE)) in (None, "text", "bytes", "ast", "bandit")


LONG = 60_000
FOREVER = {
    "heading of marks": "#" * LONG + "\n" + EDIT,
    "heading of slashes": "/x" * LONG + "\n" + EDIT,
    "heading of blanks": " " * LONG + "x\n" + EDIT,
    "fence of blanks": "```" + " " * LONG + "!\n" + NEW + "```\n",
    "fence of letters": "```" + "a" * LONG + "!\n" + NEW + "```\n",
    "margins of blanks": f"```\n{NEW}```\n" + ("\n" + " " * 80) * (LONG // 80),
    "margins of tags": f"```\n{NEW}```\n" + ("\n" + "-" * 80 + "<a " + "x" * 79) * (LONG // 160),
    "flood of marks outside the fence": f"```\n{NEW}```\n" + "\u0301\u0323" * (LONG // 2),
    "flood of marks in a name": NEW + "a" + "\u0301\u0323" * 4000 + " = 1\n",
    "conversions": NEW + "X = '" + "%(" * 7000 + "'\n",
    "blank tail of a diff": DIFF + "\n" * 19_000,
    "blank tail of a short hunk": DIFF.replace("-1,2 +1,2", "-1,1 +1,1") + "\n" * 19_000,
    "many hunks": DIFF + "@@ -1 +1 @@\n" * 1500,
    "open strings": NEW + '"' * 15_000,
    "many blocks": EDIT * 60,
    "many empty blocks below a long line": "." * LONG + "\n" + "<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n" * 1500,
    "brackets in an f-string": NEW + "X = f'{" + "(" * 180 + "1" + ")" * 180 + "}'\n",
    "integer of many digits": NEW + "X = " + "9" * 15_000 + "\n",
    "integer of many hexadecimal digits": NEW + "X = 0x" + "f" * 15_000 + "\n",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", FOREVER)
def test_nothing_makes_the_screen_slow(name: str) -> None:
    # Each of them would take minutes or hours, were any part of the screen quadratic in it.
    for size in (1, 3):
        layer_or_none(lambda size=size: static_screen(FOREVER[name] * size, BASE))


def test_the_parsers_warnings_stay_inside(capfd: pytest.CaptureFixture[str]) -> None:
    static_screen(NEW.replace("    return", "    x = '\\d' if logits is 0 else 1or 2\n    return"), BASE)
    assert capfd.readouterr() == ("", "")
