"""What a prompt tells of earlier candidates: refusals with their reason, and what each term of a reward paid."""

from __future__ import annotations

from ouroloop.agents.prompted.designer import prompt as reward_prompt
from ouroloop.agents.prompted.patcher import prompt as patch_prompt
from ouroloop.agents.prompted.prompting import history_text, training_text
from ouroloop.protocols.messages import Refused, Tried
from ouroloop.protocols.records import RewardSpec, RewardTerm
from tests.agents.fixtures import patch_request, reward_request

SPEC = RewardSpec(terms=(RewardTerm(name="a", expr="approach", weight=0.5),))
REFUSED = Tried(
    round=1, kind="patch", role="x", outcome="rejected", layer="ast", reason="no eval here", text="def act(o, l): eval('1')"
)
TRAINED = Tried(
    round=1, kind="reward", role="x", outcome="rejected", layer="gate", reason="not shown better", effect=0.01, reward=SPEC,
    training={"term a": 0.95, "term b": 0.001, "return_env": 1.5, "kl": 0.02},
)  # fmt: skip


def test_a_refused_candidate_is_shown_with_its_text_and_the_reason() -> None:
    said = str(patch_prompt(patch_request(tried=(REFUSED,)), 0))
    assert "no eval here" in said
    assert "eval(" in said
    brief = str(patch_prompt(patch_request(tried=(REFUSED,)), 0, brief=True))
    assert "no eval here" not in brief


def test_a_designer_reads_what_each_term_paid() -> None:
    said = str(reward_prompt(reward_request(tried=(TRAINED,)), 0))
    assert "mean return +0.95, 100% of the pay: it outweighs all others" in said
    assert "b: mean return +0.001, 0% of the pay: it hardly pays" in said
    assert "return_env 1.5" in said
    assert "mean return" not in history_text((TRAINED,))
    assert training_text({"term a": 0.0, "kl": 0.1}) == "Training: kl 0.1."


def test_a_repair_goes_on_with_what_was_refused() -> None:
    refused = Refused(candidate="r1-patch1", text="def act(", layer="text", reason="not closed")
    request = patch_request().model_copy(update={"refused": (refused,), "count": 1})
    first, again = patch_prompt(patch_request(), 0), patch_prompt(request, 0)
    assert [message["role"] for message in again] == ["system", "user", "assistant", "user"]
    assert again[0] == first[0]
    assert "not closed" in again[3]["content"]
