"""What a prompt tells of earlier candidates: refusals with their reason, and what each term of a reward paid."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from ouroloop.agents.prompted.designer import prompt as reward_prompt
from ouroloop.agents.prompted.designer import schema
from ouroloop.agents.prompted.hints import example_controller, terms
from ouroloop.agents.prompted.patcher import prompt as patch_prompt
from ouroloop.agents.prompted.prompting import history_text, telling, training_text
from ouroloop.agents.prompted.specs import drawn_specs
from ouroloop.protocols.messages import Refused, Tried
from ouroloop.protocols.records import Loss, RewardSpec, RewardTerm
from ouroloop.rewards.language import parse
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import TASK, TOOLS, patch_request, reward_request

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


def test_a_history_begins_with_ones_own_refusals_then_what_was_accepted_then_the_best() -> None:
    def raced(reason: str, outcome: str, effect: float | None) -> Tried:
        update = {"reason": reason, "outcome": outcome, "layer": "gate", "effect": effect, "text": None}
        return REFUSED.model_copy(update=update)

    mine = [REFUSED.model_copy(update={"own": True, "reason": f"mine {k}"}) for k in range(6)]
    searched = [raced(f"lost {k}", "rejected", -0.01 * k) for k in range(8)]
    tried = (raced("stands", "accepted", 0.1), *mine, REFUSED, *searched)
    told = history_text(tried)
    found = re.findall(r"\((mine \d|lost \d|stands|no eval here)\)", told)
    assert found == ["mine 5", "mine 4", "mine 3", "mine 2", "stands", "lost 0", "lost 1", "lost 2"]
    assert len(telling(tried)) == len(tried)


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


def test_a_constrained_reward_has_all_keys_and_few_terms() -> None:
    spec = RewardSpec(terms=(SPEC.terms[0],) * 6)
    form = schema()
    jsonschema.validate(spec.model_dump(mode="json"), form)
    assert set(form["required"]) == {"terms", "gamma_r", "anneal"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RewardSpec().model_dump(mode="json"), form)


def test_ideas_and_examples_use_each_kind_of_function_as_it_can_be_used() -> None:
    said = "\n".join(patch_prompt(patch_request(), index)[1]["content"] for index in range(16))
    assert "keep(" not in said
    for tool in TOOLS:
        if tool.kind == "test":
            assert f"moves = {tool.name}(" not in said
        if tool.kind == "moves":
            assert f"{tool.name}(observation, move)" not in said
    assert "(-food_distance(observation, move), logits[move])" in said
    for index in range(16):
        source = example_controller(patch_request(), index)
        static_screen(source, TASK.start_controller)


def test_terms_that_a_prompt_shows_fine_what_is_unwanted_or_lacking() -> None:
    shown = {one.name: one for index in range(18) for one in terms(TASK.features, (), index)}
    assert len(shown) > 8
    assert shown["for_approach"].expr == "approach"
    assert shown["lack_of_tail_reachable"].expr == "tail_reachable - 1"
    assert shown["against_died"].weight < 0


def test_in_mode_reward_patch_a_reply_may_change_the_loss() -> None:
    plain, told = (
        reward_prompt(reward_request(), 0)[0]["content"],
        reward_prompt(reward_request(mode="reward_patch"), 0)[0]["content"],
    )
    assert "`loss`" not in plain
    assert '{"beta": B, "entropy": E}' in told
    spec = RewardSpec(terms=(RewardTerm(name="a", expr="ate", weight=1),), loss=Loss(beta=0.1, entropy=0.01))
    jsonschema.validate(spec.model_dump(mode="json"), schema(loss=True))
    plain_loss = spec.model_copy(update={"loss": Loss(beta=0.02, entropy=0.0)})
    jsonschema.validate(plain_loss.model_dump(mode="json"), schema(loss=True))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec.model_dump(mode="json"), schema())


def test_one_reply_with_a_space_gives_all_proposals() -> None:
    space: dict[str, Any] = {"terms": [{"name": "a", "expr": "ate", "weight": [0.1, 0.9], "clip": 1}], "gamma_r": [0.1, 0.3]}
    jsonschema.validate({**space, "anneal": {"warmup": 0, "decay": 0}}, schema(space=True))
    found = drawn_specs(f"Here: {json.dumps(space)}", 4, 0)
    specs = [parse(text) for text, fault in found if fault is None]
    assert len({spec.terms[0].weight for spec in specs}) == 4
    assert len(drawn_specs(json.dumps(space), 1, 0)) == 1
    space["gamma_r"] = [0.3, 0.1]
    ((_, fault),) = drawn_specs(json.dumps(space), 4, 0)
    assert "the range [0.3, 0.1] ends below its start" in str(fault)
    told = reward_prompt(reward_request(count=4), 0, space=True)[1]["content"]
    assert "Write one space of rewards from which 4 are drawn" in told
    assert '"weight": [0.25, 1.0]' in told
