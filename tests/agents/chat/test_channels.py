"""What of a reply is meant to be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.chat.channels import answer


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("<think>a draft</think>\nfinal", "final"),
        ("<think>one</think>x<think>two</think>y", "xy"),
        ("<thinking>a\n<b></thinking>\n\nfinal\n", "final\n"),
        ("the template opened it\n</think>\nfinal", "final"),
        ("<think>never closed\ndef act(observation, logits):", ""),
        ("said first\n<think>and then never closed", "said first\n"),
        ("[THINK]draft[/THINK]final", "final"),
        (
            "<|channel|>analysis<|message|>draft<|end|><|start|>assistant<|channel|>final<|message|>the answer<|return|>",
            "the answer",
        ),
        ("<|channel|>analysis<|message|>only thoughts", ""),
        ("analysisWe need a patch.assistantfinalthe answer", "the answer"),
        ("analysis of the game: final words", "analysis of the game: final words"),
        ("answer<|im_end|>\n<|im_start|>user\nmore", "answer"),
        ("answer</s>", "answer"),
        ("answer<end_of_turn>\n", "answer"),
        ("a </s> b", "a </s> b"),
        ("if a < think > b:", "if a < think > b:"),
    ],
)  # fmt: skip
def test_answer(text: str, found: str) -> None:
    assert answer(text) == found


@given(st.text("abc<>/\n", max_size=60))
def test_text_without_marks_is_kept(text: str) -> None:
    assert answer(text) == text.lstrip("\r\n")
