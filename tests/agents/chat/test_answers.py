"""What is read in a server's answer, and what it cost."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from ouroloop.agents.chat.answers import AnsweredError, charged, heard, of_message
from ouroloop.protocols.prices import Tokens
from tests.agents.replies import completion

USED = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def body(message: object, **more: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": USED, **more}


def event(delta: object, finish: object = None, **more: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


@pytest.mark.parametrize(
    ("message", "text", "thoughts"),
    [
        ({"role": "assistant", "content": "ok"}, "ok", 0),
        ({"content": "ok"}, "ok", 0),
        ({"role": None, "content": "ok"}, "ok", 0),
        ({"role": "model", "content": "ok", "reasoning_content": "hm"}, "ok", 2),
        ({"content": "ok", "reasoning": "hmm", "reasoning_content": None}, "ok", 3),
        ({"content": None, "reasoning_content": "hm"}, "", 2),
        ({"content": [{"type": "text", "text": "A"}, "B", {"type": "output_text", "text": "C"}, {"text": None}]}, "ABC", 0),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}]}, "ok", 2),
        ({}, "", 0),
    ],
)
def test_a_message_is_read_whoever_sends_it(message: object, text: str, thoughts: int) -> None:
    answer = heard([body(message)], streamed=False)
    assert (answer.text, answer.thoughts) == (text, thoughts)
    answer = heard([event(message), event({}, "stop")], streamed=True)
    assert (answer.text, answer.thoughts, answer.finish) == (text, thoughts, "stop")


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({**USED}, Tokens(100, 0, 20)),
        ({**USED, "total_tokens": 1120}, Tokens(100, 0, 1020)),
        ({**USED, "total_tokens": 0}, Tokens(100, 0, 20)),
        ({**USED, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}}, Tokens(10, 60, 20, 30)),
        ({**USED, "prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40}, Tokens(40, 60, 20)),
        ({**USED, "cached_tokens": 60}, Tokens(40, 60, 20)),
        ({**USED, "prompt_tokens_details": {"cached_tokens": 60}, "cached_tokens": 60}, Tokens(40, 60, 20)),
        ({"input_tokens": 100, "output_tokens": 20}, Tokens(100, 0, 20)),
        ({"prompt_tokens": -1, "completion_tokens": -1}, Tokens(11, 0, 3)),
        ({"prompt_tokens": "100", "completion_tokens": 20.0}, Tokens(11, 0, 3)),
        (None, Tokens(11, 0, 3)),
        ([1], Tokens(11, 0, 3)),
        ("many", Tokens(11, 0, 3)),
    ],
)
def test_the_counts_of_every_server_are_understood(usage: object, tokens: Tokens) -> None:
    """Without counts, thoughts are estimated as well."""
    message = {"content": "hello", "reasoning_content": "12345"}
    assert heard([body(message, usage=usage, service_tier="flex")], streamed=False).tokens(41) == tokens
    once = [event(message), event({}, "stop"), {"choices": [], "usage": usage}]
    growing = [event(message, usage={"prompt_tokens": 100, "completion_tokens": 1}), event({}, "stop", usage=usage)]
    assert heard(once, streamed=True).tokens(41) == tokens
    if tokens.asked == 100:
        assert heard([*growing, *once[2:]], streamed=True).tokens(41) == tokens


@pytest.mark.parametrize(
    ("sent", "code", "used"),
    [
        ({"error": {"message": "no", "code": 429}}, 429, Tokens()),
        ({"error": {"message": "no", "code": 502}, "choices": None, "usage": USED}, 502, Tokens(100, 0, 20)),
        ({"error": "no"}, None, Tokens()),
        ({"object": "error", "message": "no", "code": 404, "choices": None}, 404, Tokens()),
        ({"detail": "no"}, None, Tokens()),
        (body({"content": "half a re"}, usage=None), None, None),
        (
            {"choices": [{"finish_reason": "error", "error": {"message": "no", "code": 502}, "message": {"content": "half"}}]},
            502,
            Tokens(10, 0, 1),
        ),
    ],
)
def test_an_error_in_place_of_a_reply_is_none(sent: dict[str, Any], code: int | None, used: Tokens | None) -> None:
    if used is None:
        assert heard([sent], streamed=False).text
        return
    with pytest.raises(AnsweredError) as error:
        heard([sent], streamed=False)
    assert error.value.code == code
    assert charged([sent], 40) == used


@pytest.mark.parametrize("choices", [[], None, [None], [{"message": None}], {}])
def test_a_charge_without_a_message_counts(choices: object) -> None:
    sent = {"choices": choices, "usage": USED}
    with pytest.raises(ValueError, match="holds no message"):
        heard([sent], streamed=False)
    assert charged([sent], 40) == Tokens(100, 0, 20)
    assert charged(["<html>", 5, None], 40) == Tokens()


@pytest.mark.parametrize("tier", ["", "flex_", "priority_"])
def test_a_tier_of_service_changes_no_count(tier: str) -> None:
    details = {f"{tier}cache_read": 60, f"{tier}cache_creation": 30}
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120, "input_token_details": details}
    answer = of_message(AIMessage("hello", usage_metadata=usage))
    assert answer.tokens(40) == Tokens(10, 60, 20, 30)
    raw = {**USED, "prompt_cache_hit_tokens": 60}
    of_deepseek = AIMessage(
        "hello", usage_metadata={**usage, "input_token_details": {}}, response_metadata={"token_usage": raw}
    )
    assert of_message(of_deepseek).tokens(40) == Tokens(40, 60, 20)


def test_a_refusal_that_comes_in_parts_is_one() -> None:
    answer = heard([event({"refusal": "I wo"}), event({"refusal": "n't"}, "stop")], streamed=True)
    assert answer.refusal == "I won't"
    assert heard([completion("ok", refusal="")], streamed=False).refusal == ""
