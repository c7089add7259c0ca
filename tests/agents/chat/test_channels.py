"""What of a reply is meant to be read."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.chat.channels import _without_blocks, answer
from ouroloop.protocols.messages import TEXT

CODE = """```python
# drops what follows <think>
<think>
x = text.split('<think>')
```
"""


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
        ("Well, <think>first idea {spec}", "Well, "),
        ("Well, [THINK]first idea {spec}", "Well, "),
        ("<seed:think>first idea {spec}", ""),
        ("<seed:think>draft</seed:think>final", "final"),
        ("\u25c1think\u25b7draft\u25c1/think\u25b7final", "final"),
        ("\u25c1think\u25b7first idea {spec}", ""),
        ("analysisWe need {spec}", ""),
        ("analysis shows {spec}", "analysis shows {spec}"),
        ("analysis: {spec}", "analysis: {spec}"),
        (f"Here:\n{CODE}", f"Here:\n{CODE}"),
        ("Here:\n```python\n# up to </think>\n```\n", "Here:\n```python\n# up to </think>\n```\n"),
        ("```json\n<think>draft</think>\n{spec}\n```", "```json\n\n{spec}\n```"),
        (f"template's thoughts</think>\n{CODE}", CODE),
        (f"{CODE}<think>another\n{CODE}", CODE),
        ("```python\na draft, never closed\n</think>\n```python\nfinal\n```\n", "```python\nfinal\n```\n"),
        ("I leave out `<think>` blocks. final", "I leave out `<think>` blocks. final"),
        (
            "<|channel|>analysis<|message|>draft<|end|><|start|>assistant<|channel|>final<|message|>the answer<|return|>",
            "the answer",
        ),
        ("<|channel|>analysis<|message|>only thoughts", ""),
        ("<|channel|>analysis<|message|>only thoughts<|end|><|start|>assistant", ""),
        ("<|channel|>final <|constrain|>json<|message|>{spec}<|return|>", "{spec}"),
        (
            "<|channel|>analysis<|message|>draft<|end|><|start|>assistant<|channel|>final<|constrain|>JSON<|message|>{spec}",
            "{spec}",
        ),
        ("ANSWER<|end|><|start|>assistant", "ANSWER"),
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


BLOCK = re.compile(r"<(think|thought)>.*?</\1>|\[THINK\].*?\[/THINK\]", re.DOTALL)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<thought>", "</thought>", "[THINK]", "[/THINK]", "a", "\n"])).map("".join)
)
def test_closed_thoughts_go_from_each_first_mark_to_its_next_end(text: str) -> None:
    assert _without_blocks(text) == BLOCK.sub("", text)


@pytest.mark.parametrize(
    "part",
    [
        *("<think>", "</think>", "<think></thought>", "```\n<think>\n```\n", "```\n", "```a\nb\n", "[THINK]"),
        *("<|channel|>final<|constrain|>", "<|end|> ", "<|end|><|start|>assistant "),
    ],
)
def test_a_mark_that_is_written_over_and_over_is_read_at_once(part: str) -> None:
    begun = time.monotonic()
    answer(part * (TEXT // len(part)))
    assert time.monotonic() - begun < 5
