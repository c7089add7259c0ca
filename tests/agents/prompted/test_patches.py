"""The form of a patch is mended; what could be a second candidate stays where it is."""

from __future__ import annotations

from textwrap import indent
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.prompted.patches import mended
from ouroloop.agents.search.composer import Plan, diff, render
from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import TASK, TOOLS

BASE = TASK.start_controller
BETTER = render(Plan(start="legal_moves"), 4)
DIFF = diff(BASE, BETTER)
NAMES = [tool.name for tool in TOOLS]
FILE, PATCH, OTHER = f"```python\n{BETTER}```", f"```diff\n{DIFF}```", f"```python\n{BASE}```"
OLD = "    return max(range(4), key=lambda move: logits[move])"
BLOCK = f"<<<<<<< SEARCH\n{OLD}\n=======\n    return 0\n>>>>>>> REPLACE\n"
FORGOT = '"""A controller."""\n\n\ndef act(observation, logits):\n    return (legal_moves(observation) or [0])[0]\n'


def dated(stamp: str) -> str:
    """Return the diff with something after the path in both headers."""
    return DIFF.replace("controller.py\n", f"controller.py{stamp}\n", 2)


def screened(text: str) -> str:
    return static_screen(mended(text, NAMES, BASE), BASE).source


@pytest.mark.parametrize(
    "text",
    [
        f"```diff\n{DIFF}```",
        f"```diff\n{DIFF}```".replace("\n", "\r\n"),
        f"~~~diff\n{DIFF}~~~",
        f"~~~~ diff\n{DIFF}~~~~\nDone.",
        f"````diff\n{DIFF}````",
        f'```diff title="controller.py"\n{DIFF}```',
        f"```python:controller.py\n{BETTER}```",
        f"```python {{.numberLines}}\n{BETTER}```",
        f"```python src/controller.py\n{BETTER}```",
        f"```\ncontroller.py\n```\n```python\n{BETTER}```",
        f"```diff\n{DIFF}```\nTry it:\n```bash\nouroloop screen controller.py\n```",
        f"```text\nmove 0 is up\n```\n```python\n{BETTER}```",
        dated("\t2025-05-01 10:00:00"),
        dated(" 2025-05-01 10:00:00 +0000"),
        dated("  2025-05-01T10:00:00.123Z"),
        f'```python\n{BETTER}```\nOnce more, as a whole:\n```python title="controller.py"\n{BETTER}\n```',
        f"```diff\n{DIFF}```\nAgain:\n```diff\n{DIFF}```\nTry it:\n```bash\nls\n```",
        f" ```python\n{BETTER}```",
        f"Here:\n  ```diff\n{DIFF}  ```",
        f"1. The patch:\n\n{indent(PATCH, '   ')}\n\n2. Done.",
        f"- The controller:\n{indent(FILE.replace('`', '~'), '  ')}",
        f"- Steps:\n  - the file:\n    in one piece\n\n{indent(FILE, '    ')}\n  - done",
        f"10. The file:\n{indent(FILE, '    ')}\n11. Try:\n    ```bash\n    ls\n    ```",
        BETTER,
        dated(" "),
        dated(" \t"),
        dated(" Mon Nov  3 10:00:00 2025"),
        dated(" Mon Nov 13 10:00:00 CET 2025 "),
        f"diff --git a/controller.py b/controller.py  \nindex 1234abc..xyz5678 100644\n{DIFF}",
        f"```diff\ndiff --git a/controller.py b/controller.py\nindex abc..def\n{DIFF}```",
        f"{FILE}\nTo copy:\n```\n{BETTER}```",
        f"```py\n{BETTER}```\nAgain:\n```Python3\n{BETTER}\n```",
        f"{PATCH}\nAgain:\n```\n{DIFF}```",
        f"```python3.11\n{BETTER}```",
        f'```python linenums="1" hl_lines="2.3"\n{BETTER}```',
    ],
)
def test_form_is_mended(text: str) -> None:
    assert screened(text) == BETTER


def test_a_forgotten_import_is_added() -> None:
    source = screened(f"```python\n{FORGOT}```")
    assert "from toolkit import legal_moves\n" in source
    assert source.startswith('"""A controller."""\n\nfrom')
    assert "from toolkit import food_move, legal_moves" in mended(
        FORGOT.replace("[0])[0]", "[food_move(observation)])[0]"), NAMES
    )
    own = FORGOT.replace("def act", "def legal_moves(observation):\n    return [0]\n\n\ndef act")
    assert mended(own, NAMES) == own


@pytest.mark.parametrize(
    "head",
    [
        "",
        '"""A controller."""\n\n\n',
        "# uses legal_moves\n",
        "from __future__ import annotations\n\n\n",
        '"""A controller."""\n\nfrom __future__ import annotations\n\nLIMIT = 3\n\n\n',
    ],
)
@pytest.mark.parametrize(
    "signature", ["def act(observation, logits):", "def act (observation, logits):", "def act(\n    a, b\n):"]
)
def test_a_forgotten_import_stands_where_it_may(head: str, signature: str) -> None:
    source = FORGOT.partition("\n\n\n")[2].replace("def act(observation, logits):", signature)
    found = mended(f"```python\n{head}{source}```", NAMES)
    assert found.count("from toolkit import legal_moves\n") == 1
    compile(found.removeprefix("```python\n").removesuffix("```"), "controller.py", "exec")


@pytest.mark.parametrize("text", ["def act(observation, logits):\n    return f'" + "{legal_moves}" * 14_000 + "'\n"])
def test_what_is_too_long_for_the_screen_is_not_parsed(text: str) -> None:
    start = process_time()
    assert mended(text, NAMES, BASE) == text
    assert process_time() - start < 5


CALLS = BLOCK.replace("return 0", "return legal_moves(observation)[0]")
BODY = BASE[BASE.index("def act") :].rstrip("\n")
WITH_IMPORT = BASE.replace("def act", "from toolkit import food_move\n\n\ndef act")


@pytest.mark.parametrize("base", [BASE, WITH_IMPORT, BASE.partition("\n")[2].lstrip()])
@pytest.mark.parametrize(
    "text",
    [
        CALLS,
        f"```\n{CALLS}```",
        f"Filter:\n\n{CALLS}\nDone.",
        CALLS.replace("    return legal", "    # legal_moves drops deadly moves\n    return legal"),
        CALLS.replace("    return legal", "    'legal_moves drops deadly moves'\n    return legal"),
        CALLS.replace(OLD, BODY).replace("    return legal", f"{BODY.removesuffix(OLD)}    return legal"),
        f"{BLOCK.replace(OLD, BODY.splitlines()[0]).replace('    return 0', 'def act(observation, logits) -> int:')}\n{CALLS}",
    ],
)
def test_an_edit_that_forgets_an_import_gets_it(text: str, base: str) -> None:
    source = static_screen(mended(text, NAMES, base), base).source
    assert "from toolkit import legal_moves\n" in source
    assert "return legal_moves(observation)[0]" in source
    assert source.count("import") == base.count("import") + 1


FORGETFUL = diff(BASE, BASE.replace(OLD, "    return legal_moves(observation)[0]"))


@pytest.mark.parametrize("text", [FORGETFUL, f"```diff\n{FORGETFUL}```", f"Filter:\n```\n{FORGETFUL}\n```\nDone."])
def test_a_diff_that_forgets_an_import_gets_it(text: str) -> None:
    source = screened(text)
    assert source.startswith('"""Turns the policy\'s logits into a move."""\n\nfrom toolkit import legal_moves\n')
    assert "return legal_moves(observation)[0]" in source


@pytest.mark.parametrize(
    "text",
    [
        DIFF,
        FORGETFUL.replace("a/controller.py", "a/other.py"),
        FORGETFUL.replace("@@ -3,4 +3,4", "@@ -3,4 +3,5"),
        FORGETFUL.replace("@@ -3,4 +3,4", "@@ -3,4 +4,4"),
        FORGETFUL.replace("@@ -3,4 +3,4", "@@ -2,4 +2,4"),
        FORGETFUL.replace(" def act", " def  act"),
        f"{FORGETFUL}\\ No newline at end of file\n",
        f"{FORGETFUL}\nIt filters.\n",
        f"{FORGETFUL}{DIFF}",
    ],
)
def test_a_diff_that_does_not_fit_to_the_letter_gets_none(text: str) -> None:
    assert FORGETFUL.count("@@ -3,4 +3,4 @@") == 1
    assert mended(text, NAMES, BASE) == text


@pytest.mark.parametrize(
    ("text", "base"),
    [
        (BLOCK, BASE),
        (CALLS, WITH_IMPORT.replace("food_move", "legal_moves")),
        (CALLS, f"def legal_moves(observation):\n    return [0]\n\n\n{BASE}"),
        (CALLS.replace("    return legal", "    legal_moves = len\n    return legal"), BASE),
        (CALLS.replace("return legal", "return logits.legal"), BASE),
        (
            CALLS + BLOCK.replace("    return max(range(4), key=lambda move: logits[move])", "def act(observation, logits):"),
            BASE,
        ),
        (CALLS.replace(">>>>>>> REPLACE", ""), BASE),
        (CALLS + CALLS, BASE),
        (CALLS, BASE + BASE.replace("def act", "def other")),
        (CALLS.replace(OLD, ""), BASE),
        (CALLS, "def act("),
        (CALLS, ""),
    ],
)
def test_an_edit_gets_no_import_that_it_may_not_need(text: str, base: str) -> None:
    assert mended(text, NAMES, base) == text


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{BETTER}```\n```python\n{BASE}```",
        f"```diff\n{DIFF}```\n```text\n{DIFF}```",
        f"```bash\n{BLOCK}```\n```python\n{BETTER}```",
        f"```diff\n{DIFF}```\n{BLOCK}",
        f"```python\n{BETTER}",
        f"~~~python\n{BETTER}",
        f"```python ../toolkit.py\n{BLOCK}```",
        f"```python:other.py\n{BLOCK}```",
        "```text\nonly words\n```\n```bash\nls\n```",
        dated(" other.py"),
        dated(" 2025-05-01 other.py"),
        DIFF.replace("controller.py\n", "other.py 2025-05-01 10:00:00\n", 2),
        f"```python\n{BETTER}```\n```python\n{BETTER.replace('logits[', ' logits[')}```",
        f"```python\n{BETTER}```\n```python other.py\n{BETTER}```",
        f"```python other.v2.py\n{BETTER}```",
        f"```python\n{BETTER}```\n```\n{BETTER.replace('logits[', ' logits[')}```",
        f"index abc..def 120000\n{DIFF}",
        f"index abc..def\nindex abc..def\n{DIFF}",
        DIFF.replace("controller.py\n", "controller.py Mon Nov  3 other.py\n", 2),
        f"```python\n{BETTER}```\n```python\n{BETTER}```\n```python\n{BETTER}",
        f"{indent(FILE, '  ')}\n{indent(OTHER, '  ')}",
        f"{indent(FILE, '  ')}\n```python\n{BASE}```",
        f"As code:\n{indent(FILE, '     ')}",
        f"1. The file:\n   ```python\n{indent(BETTER, '  ')}   ```",
        f"- The file:\n{indent(FILE[:-3], '  ')}",
        f"- The file:\n{indent(FILE, '  ')}\n{BLOCK}",
    ],
)
def test_doubt_is_left_to_the_screen(text: str) -> None:
    with pytest.raises(CandidateFault):
        screened(text)


@pytest.mark.parametrize("width", [2, 4])
def test_a_fence_in_a_docstring_is_no_fence(width: int) -> None:
    quoted = indent('"""Return a move.\n\n- So:\n  ```\n  0\n  ```\n"""\nreturn 0\n', " " * width)
    source = f"def act(observation, logits):\n{quoted}"
    assert mended(source, NAMES) == source
    assert mended(f"```python\n{source}```", NAMES) == f"```python\n{source}```"


FALLING = "\n".join("`" * length for length in range(400, 2, -1)) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        FALLING + "\n" * 110_000,
        FALLING + "```\n" * 25_000,
        FALLING + "```a\n" * 20_000,
        "~~~\n" * 47_000,
        "- x\n  ```\n" * 19_000,
        f"```{'a' * 190_000}\nx\n```\n```\ny\n```",
        f"```{'./' * 95_000}\nx\n```\n```\ny\n```",
        f"--- controller.py{' ' * 190_000}x",
        BLOCK * 1200,
        BLOCK.replace("return 0", "return legal_moves(0)") * 64,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    start = process_time()
    mended(text, NAMES, BASE)
    assert process_time() - start < 20  # well below a second, or minutes if the cost is quadratic


PARTS = [BLOCK, DIFF, BETTER, "```\n", "```python\n", "~~~\n", "words\n", "```bash\nls\n```\n", "  ```\n", "- x\n"]


@given(st.lists(st.sampled_from(PARTS), max_size=4))
def test_what_the_screen_takes_as_it_is_stays_the_same(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        raw = static_screen(text, BASE).source
    except CandidateFault:
        return
    assert screened(text) == raw
