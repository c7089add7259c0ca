"""A wish in a model's reply, and what a designer is told of it."""

from __future__ import annotations

import pytest

from ouroloop.agents.prompted.designer import prompt as designing
from ouroloop.agents.prompted.patcher import prompt as patching
from ouroloop.agents.prompted.wishes import with_wish
from ouroloop.protocols.messages import Tried, Wish, Wished
from ouroloop.protocols.records import Loss, RewardSpec
from tests.agents.fixtures import patch_request, reward_request

CODE = "```python\ndef act(observation, logits):\n    return 0\n```"
BOTH = Wish(objective="fewer detours", constraints=("no slower eating", "no circling"))


@pytest.mark.parametrize(
    ("text", "kept", "wish"),
    [
        (CODE, CODE, None),
        (f"{CODE}\nWISH: fewer detours; no slower eating; no circling\n", f"{CODE}\n", BOTH),
        (CODE.replace("    return", "    # WISH: fewer detours\n    return"), CODE, Wish(objective="fewer detours")),
        (f"{CODE}\nWISH:\n", None, None),
        (f"{CODE}\n# WISH: ;\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: `\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: ;\t;\n", f"{CODE}\n", None),
        (f"{CODE}\n# WISH: OBJECTIVE; CONSTRAINT\n", f"{CODE}\n", None),
        ("@@ -1 +1,2 @@\n-a\n+b\n+# WISH: fewer detours\n", None, Wish(objective="fewer detours")),
        ("I WISH: nothing", "I WISH: nothing", None),
    ],
)
def test_a_wish_is_read_and_the_code_stays_whole(text: str, kept: str | None, wish: Wish | None) -> None:
    assert with_wish(text) == (text if kept is None else kept, wish)


def test_a_long_wish_is_cut() -> None:
    _, wish = with_wish("WISH: " + "; ".join(["word " * 400] * 20))
    assert wish is not None
    assert len(wish.objective) == 300
    assert [len(one) for one in wish.constraints] == [300] * 8


def test_a_wish_that_stands_in_the_controller_is_an_old_one() -> None:
    text = f"{CODE}\n# WISH: fewer detours\n"
    assert with_wish(text, "# WISH: fewer detours\n")[1] is None
    assert with_wish(text, "# WISH: more detours\n")[1] == Wish(objective="fewer detours")


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
