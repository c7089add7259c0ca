"""A wish in a model's reply, and what a designer is told of it."""

from __future__ import annotations

from difflib import unified_diff
from textwrap import indent
from time import process_time

import pytest

from ouroloop.agents.prompted.designer import prompt as designing
from ouroloop.agents.prompted.patcher import prompt as patching
from ouroloop.agents.prompted.wishes import with_wish
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.messages import Tried, Wish, Wished
from ouroloop.protocols.records import Loss, RewardSpec
from ouroloop.sandbox.screen.diff import make_diff
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import patch_request, reward_request

CODE = "```python\ndef act(observation, logits):\n    return 0\n```"
SEARCH, REPLACE = "<<<<<<< SEARCH\n", ">>>>>>> REPLACE\n"
FEWER = Wish(objective="fewer detours")
BOTH = Wish(objective="fewer detours", constraints=("no slower eating", "no circling"))


@pytest.mark.parametrize(
    ("text", "kept", "wish"),
    [
        (CODE, CODE, None),
        (f"{CODE}\nWISH: fewer detours; no slower eating; no circling\n", f"{CODE}\n", BOTH),
        (CODE.replace("    return", "    # WISH: fewer detours\n    return"), CODE, FEWER),
        (f"{CODE}\nWISH:\n", None, None),
        (f"{CODE}\n# WISH: ;\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: `\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: ;\t;\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: OBJECTIVE; CONSTRAINT\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: None\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: n/a; none\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: (no)\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: nothing.\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: <objective>; <constraint>\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: objective; constraint\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: fewer detours; None\n", f"{CODE}\n", FEWER),
        (f"{CODE}\n# WISH: no detours\n", f"{CODE}\n", Wish(objective="no detours")),
        ("@@ -1 +1,2 @@\n-a\n+b\n+# WISH: fewer detours\n", "@@ -1 +1,1 @@\n-a\n+b\n", FEWER),
        (f"{CODE}\r\nWISH: fewer detours; no slower eating; no circling\r\n", f"{CODE}\r\n", BOTH),
        ("@@ -1,2 +1,3 @@\n # WISH: fewer detours\n-a\n+b\n+c\n", None, None),
        ("@@ -1,2 +1,1 @@\n-# WISH: fewer detours\n-a\n+b\n", None, None),
        (f"{SEARCH}# WISH: fewer detours\na\n=======\nb\n{REPLACE}", None, None),
        (f"{SEARCH}# WISH: fewer detours\na\n=======\n# WISH: fewer detours\nb\n{REPLACE}", None, None),
        (indent(f"{SEARCH}# WISH: fewer detours\na\n=======\nb\n{REPLACE}", "  "), None, None),
        (f"{SEARCH}a\n=======\n# WISH: fewer detours\nb\n{REPLACE}", f"{SEARCH}a\n=======\nb\n{REPLACE}", FEWER),
        ("I WISH: nothing", "I WISH: nothing", None),
    ],
)
def test_a_wish_is_read_and_the_code_stays_whole(text: str, kept: str | None, wish: Wish | None) -> None:
    assert with_wish(text) == (text if kept is None else kept, wish)


def test_a_line_of_blanks_is_read_at_once() -> None:
    text = f"x\n{' ' * 190_000}\ny"
    start = process_time()
    assert with_wish(text) == (text, None)
    assert process_time() - start < 20  # well below a second, or minutes if the cost is quadratic


def test_a_long_wish_is_cut() -> None:
    _, wish = with_wish("WISH: " + "; ".join(["word " * 400] * 20))
    assert wish is not None
    assert len(wish.objective) == 300
    assert [len(one) for one in wish.constraints] == [300] * 8


def test_a_wish_that_stands_in_the_controller_is_an_old_one() -> None:
    text = f"{CODE}\n# WISH: fewer detours\n"
    assert with_wish(text, "# WISH: fewer detours\n")[1] is None
    assert with_wish(text, "# WISH: more detours\n")[1] == Wish(objective="fewer detours")


BASE = SnakeTask().start_controller
LINES = BASE.splitlines(keepends=True)
OLD = BASE.replace("    return", "    # WISH: fewer detours\n    return")


def with_lines(*at: int, base: str = BASE, line: str = "    # WISH: more room\n") -> str:
    """Return a controller with its last line changed, and a line more at each of some places."""
    new = base.replace("range(4)", "(3, 2, 1, 0)").splitlines(keepends=True)
    for place in sorted(at, reverse=True):
        new.insert(place, line)
    return "".join(new)


@pytest.mark.parametrize("base", [BASE, OLD])
@pytest.mark.parametrize("context", [0, 1, 3])
@pytest.mark.parametrize("at", [(0,), (1, 4), (len(LINES),), (0, 2, len(LINES) - 1)])
def test_a_diff_applies_without_the_wish_that_it_adds(base: str, context: int, at: tuple[int, ...]) -> None:
    new = with_lines(*at, base=base)
    text = "".join(unified_diff(base.splitlines(True), new.splitlines(True), "a/controller.py", "b/controller.py", n=context))
    kept, wish = with_wish(text, base)
    assert wish == Wish(objective="more room")
    assert static_screen(kept, base).source == with_lines(base=base)
    bare = text.replace("\n \n", "\n\n")  # as models write an empty line of context
    assert static_screen(with_wish(bare, base)[0], base).source == with_lines(base=base)


def test_a_controller_that_holds_an_old_wish_can_still_be_patched() -> None:
    new = OLD.replace("range(4)", "(3, 2, 1, 0)")
    for text in (make_diff(OLD, new), f"{SEARCH}{OLD[OLD.index('    # WISH') :]}=======\n    return 0\n{REPLACE}"):
        assert with_wish(text, OLD) == (text, None)
        static_screen(text, OLD)


def test_a_patcher_hears_of_wishes_only_if_they_are_granted() -> None:
    request = patch_request(count=1)
    assert "WISH" not in patching(request, 0)[1]["content"]
    assert "# WISH: OBJECTIVE; CONSTRAINT" in patching(request.model_copy(update={"wishes": 1}), 0)[1]["content"]


def test_a_patcher_sees_the_reward_in_use() -> None:
    reward = RewardSpec(gamma_r=0.123, loss=Loss(beta=0.07))
    assert reward.model_dump_json() in patching(patch_request().model_copy(update={"reward": reward}), 0)[1]["content"]


def test_a_designer_sees_the_code_what_was_patched_and_the_wish() -> None:
    done = Tried(round=2, kind="patch", role="p", outcome="accepted", layer="gate", reason="r", diff="+ old lines")
    wished = Wished(candidate="r3-patch1", diff="+ new lines", wish=BOTH)
    changes = {"controller": "def act(a, b): return 1", "patched": (done,), "wishes": (wished,)}
    told = designing(reward_request(count=1).model_copy(update=changes), 0)[1]["content"]
    for text in ("def act(a, b): return 1", "Its last patch, of round 2:\n+ old lines", "fewer detours", "- no circling"):
        assert text in told
    assert "+ new lines" in told
    assert "Write variant" not in told
    brief = designing(reward_request(count=1).model_copy(update=changes), 0, brief=True)[1]["content"]
    assert "+ old lines" not in brief
    assert "+ new lines" in brief
