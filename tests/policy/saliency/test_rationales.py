"""Reasons: they are asked for after the move, and what they claim is held against what the move did."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ouroloop.policy.bases import load_base
from ouroloop.policy.saliency.rationales import TOKENS, Claim, Rationale, claims_of, rationales, reasons
from ouroloop.policy.snake_gpt import load
from ouroloop.protocols.errors import UsageError
from tests.policy.checkpoints import checkpoint

ACTIONS = ("up", "down", "left", "right")


@pytest.fixture(scope="module")
def base(tmp_path_factory, task):
    folder = checkpoint(tmp_path_factory.mktemp("base") / "qwen", "qwen")
    return load_base(folder, task=task, encoding="json", dtype=torch.float32)


class Scripted:
    """A model that answers with a text of its own, and remembers what it was asked."""

    device, training = torch.device("cpu"), False

    def __init__(self, base, text):
        self.config, tokenizer = base.model.config, base.tokenizer
        self.answer, self.asked, self.settings = tokenizer(text, add_special_tokens=False)["input_ids"], [], {}

    def generate(self, input_ids, **settings):
        self.asked.append(input_ids[0].tolist())
        self.settings = settings
        return torch.cat([input_ids, torch.tensor([self.answer])], dim=1)


def test_the_reason_is_asked_for_after_the_move_and_cut_at_its_end(base, task):
    seen = task.positions(1, 2).observations()
    model = Scripted(base, " it approaches the food.\n\n### Instruction: more")
    asked = replace(base, model=model)
    assert reasons(asked, seen, np.array([2, 0])) == ["it approaches the food."] * 2
    texts = [base.tokenizer.decode(ids) for ids in model.asked]
    for text, prompt, move in zip(texts, base.texts(seen), "20", strict=True):
        assert text.endswith(f"{prompt}{move}\n\n### Why:\nI moved")
    assert model.settings["max_new_tokens"] == TOKENS == 40


def test_claims_are_checked_against_the_transition(base, task):
    engine = task.positions(1, 2)
    seen, moves = engine.observations(), np.array([2, 0])
    values = engine.step_features(moves)
    features = dict(zip(task.features, values.T, strict=True))
    model = Scripted(base, " left approaches it")
    first, second = rationales(replace(base, model=model), seen, moves, ACTIONS, features)
    assert first.text == second.text == "left approaches it"
    assert [claim.about for claim in first.claims] == ["left", "approach"]
    for told, move, row in ((first, 2, 0), (second, 0, 1)):
        nearer = features["approach"][row] > 0
        assert [claim.holds for claim in told.claims] == [move == 2, nearer]
        assert told.agreement == ((move == 2) + bool(nearer)) / 2


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("I go up", [Claim("up", False, True)]),
        ("down would be a wall", [Claim("down", False, False)]),
        ("not down", [Claim("down", True, True)]),
        ("the tail reachable; it is approaching", [Claim("approach", False, True), Claim("tail_reachable", False, False)]),
        ("the snake is not trapped, it avoids being trapped", [Claim("trapped", True, True)]),
        ("the upper cell, uphill", []),
        ("", []),
    ],
)
def test_what_a_text_claims(text, claims):
    assert claims_of(text, ACTIONS, 0, {"approach": 1.0, "tail_reachable": 0.0, "trapped": 0.0}) == claims


def test_a_text_without_claims_agrees_with_nothing():
    assert Rationale("because", ()).agreement is None


def test_a_real_model_says_something_of_bounded_length(base, task):
    (text,) = reasons(base, task.positions(1, 1).observations(), np.array([1]))
    assert len(base.tokenizer(text)["input_ids"]) <= 2 * TOKENS


def test_a_policy_without_words_is_refused(untrained, task):
    with pytest.raises(UsageError, match="knows no words, so it cannot say why"):
        reasons(load(untrained), task.positions(1, 1).observations(), np.array([1]))
