"""What of a reply is meant to be read."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.chat.channels import _without_blocks, _without_code, answer
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
        ("<|channel>thought\na draft\n<channel|>final", "final"),
        ("<|channel>thought\n<channel|>final", "final"),
        ("<|channel>thought\nnever closed {spec}", ""),
        ("the template opened it\n<channel|>final", "final"),
        ("I leave out `<|channel>` marks. final", "I leave out `<|channel>` marks. final"),
        (f"<|channel>thought\n```python\na draft\n```\n<channel|>{CODE}", CODE),
        (f"<|channel>thought\n```python\na draft, never closed\n<channel|>{CODE}", CODE),
        (f"```python\na draft, never closed\n<channel|>{CODE}", CODE),
        (f"Sure. <think>a draft</think>{CODE}", f"Sure. \n{CODE}"),
        ("```\nx\n```<think>a draft</think>\nDone.", "```\nx\n```\n\nDone."),
        ("<|begin_of_thought|>a draft<|end_of_thought|>\n<|begin_of_solution|>\nfinal\n<|end_of_solution|>", "final\n"),
        ("<|begin_of_thought|>\na draft", ""),
        (f"a draft<|end_of_thought|><|begin_of_solution|>{CODE[:-1]}<|end_of_solution|>", CODE),
        ("<|START_THINKING|>a draft<|END_THINKING|><|START_RESPONSE|>final<|END_RESPONSE|>", "final"),
        ("<|START_THINKING|>a draft", ""),
        ("<|inner_prefix|>a draft<|inner_suffix|>final", "final"),
        ("<|inner_prefix|>a draft", ""),
        ("<unused94>thought\na draft<unused95>final", "final"),
        ("<unused94>thought\na draft", ""),
        ('<think budget="low">a draft', ""),
        ("<think>a draft</think><|begin_of_box|>final<|end_of_box|>", "final"),
        ("final<turn|>\n<|turn>user\nmore", "final"),
        ("<|channel|>analysis<|message|>a draft<|end|>final", "final"),
        ("<|channel|>analysis<|message|>a draft<|end|>final<|end|><|start|>user<|message|>more", "final"),
        ("<|channel|>analysis<|message|>a draft<|end|><|start|>assistant<|message|>final<|return|>", "final"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|>final", "final"),
        ("<|channel|>analysis<|message|>a draft<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|>", ""),
        ("<|channel|>commentary<|message|>a draft<|end|>", ""),
        ("<|channel|>analysis<|message|>a draft<|end|>", ""),
        ("```python\r\nx = '</think>'\r\n```\r\n", "```python\r\nx = '</think>'\r\n```\r\n"),
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


FALLING = "\n".join("`" * length for length in range(400, 2, -1)) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        *(
            part * (TEXT // len(part))
            for part in (
                "<think>",
                "</think>",
                "<think></thought>",
                "```\n<think>\n```\n",
                "```\n",
                "```a\nb\n",
                "[THINK]",
                "<|channel>",
                "<channel|>",
                "```<think>",
                "</think>```",
                "<|end_of_solution|>",
                "<|channel|>analysis<|message|><|end|>",
                "<|channel|>final<|constrain|>",
                "<|end|> ",
                "<|end|><|start|>assistant ",
            )
        ),
        FALLING + "\n" * 110_000,
        FALLING + "```\n" * 25_000,
    ],
)
def test_a_mark_that_is_written_over_and_over_is_read_at_once(text: str) -> None:
    begun = time.process_time()
    answer(text)
    assert time.process_time() - begun < 20  # well below a second, or minutes if the cost is quadratic


OLD_FENCE = re.compile(r"^(`{3,})[^`\n]*\n(?:(?!\1).*\n)*?\1[ \t]*$", re.MULTILINE)


@given(
    st.lists(st.sampled_from(["```", "````", "```a", "``` ", "x", "", "`````", "x```", "``` `"]), max_size=12).map("\n".join)
)
def test_code_goes_to_the_next_fence_of_as_many_marks(text: str) -> None:
    blanked = OLD_FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)
    assert _without_code(text) == blanked
