"""What passes between a chat model and a server that speaks the OpenAI protocol in a way of its own."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ouroloop.agents.chat import ChatReply, ContextTooLong
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.prices import Tokens
from tests.agents.chat.scripted import Endpoint, in_turn
from tests.agents.replies import completion, streamed

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
USED = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
SCHEMA = {"type": "object"}


def events(*parts: tuple[dict[str, Any], object], usage: object = None) -> bytes:
    """Return a stream with these deltas and finish reasons, each with the usage."""
    said = [{"choices": [{"index": 0, "delta": delta, "finish_reason": end}], "usage": usage} for delta, end in parts]
    return "".join(f"data: {json.dumps(one)}\n\n" for one in said).encode() + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("ends", "finish"),
    [
        (("length", "length"), "length"),
        (("stop", "stop"), "stop"),
        (("null", "length"), "length"),
        (("stop", "length"), "length"),
        (("", "length"), "length"),
        (({"type": "length"}, None), "length"),
    ],
)
def test_a_stream_that_names_its_end_more_than_once_is_whole_only_if_no_name_says_cut(
    server: Endpoint, ends: tuple[object, object], finish: str
) -> None:
    server.kind = "text/event-stream"
    server.says = lambda body: (200, events(({"content": "HEL"}, ends[0]), ({"content": "LO"}, ends[1]), usage=USED))
    assert server.ask(stream=True) == ChatReply("HELLO", 100, 20, finish)


@pytest.mark.parametrize(
    ("reply", "says", "used"),
    [
        (events(({"refusal": "I won't"}, "stop"), usage=USED), "refused: I won't", Tokens(100, 0, 20)),
        (b'data: {"error": {"message": "gone", "code": 502}}\n\n', "error 502: gone; look at", Tokens()),
        (
            events(({"content": "half a reply"}, None))[:-14] + b'data: {"error": {"message": "gone", "code": 502}}\n\n',
            "error 502: gone; look at",
            Tokens(100, 0, 3),
        ),
        (b'data: {"error": "gone"}\n\n', "the server says: gone", Tokens()),
        (b"", "sent no event of a stream", Tokens()),
    ],
)
def test_a_stream_without_a_reply_says_why(server: Endpoint, reply: bytes, says: str, used: Tokens) -> None:
    server.kind = "text/event-stream"
    server.says = lambda body: (200, reply)
    with pytest.raises(ModelError, match=says) as error:
        server.ask(stream=True)
    assert error.value.used == used


def test_a_server_without_stream_options_is_asked_without(server: Endpoint) -> None:
    refusal = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]
    }
    server.kind = "text/event-stream"
    server.says = lambda body: (422, refusal) if "stream_options" in body else (200, streamed("hello"))
    assert server.ask(stream=True).text == "hello"
    assert [body.get("stream_options") for body in server.asked] == [{"include_usage": True}, None]


@pytest.mark.parametrize("model", ["openai:gpt-5.1-codex", "openai:openai/gpt-5-codex", "openai:o1-mini"])
def test_every_name_of_a_model_is_asked_by_the_same_protocol(server: Endpoint, model: str) -> None:
    server.says = lambda body: (200, completion("hello"))
    assert server.ask(model=model).text == "hello"
    assert server.asked[0]["messages"]
    assert server.asked[0]["model"] == model.removeprefix("openai:")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ({"error": {"message": "rate limited", "code": 429}}, "error 429: rate limited; wait"),
        ({"error": {"message": "no key", "code": "401"}}, "error 401: no key; put a valid key"),
        ({"object": "error", "message": "The model does not exist", "code": 404}, "error 404: The model does not exist; check"),
        ({"detail": "model is loading"}, "the server says: model is loading; look"),
        ("event: x\ndata: {}\n\n", "set stream = true"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_success_without_a_reply_says_what_the_server_says(server: Endpoint, reply: object, says: str, kind: str) -> None:
    server.kind, server.says = kind, lambda body: (200, reply)
    with pytest.raises(ModelError, match=says):
        server.ask()
    server.says = lambda body: (200, {"error": {"message": "This model's maximum context length is 9 tokens", "code": 400}})
    with pytest.raises(ContextTooLong):
        server.ask()


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        ((200, {"error": {"message": "slow", "code": 429}}), 2),
        ((200, {"error": {"message": "gone", "code": 502}, "usage": USED}), 1),
        ((429, {"error": {"message": "slow"}}), 2),
        ((500, {"error": {"message": "boom"}}), 2),
        ((529, {"error": {"message": "full"}}), 2),
        ((429, {"error": {"message": "no money", "code": "insufficient_quota"}}), 1),
        ((402, {"error": {"message": "no money"}}), 1),
        ((400, {"error": {"message": "bad"}}), 1),
    ],
)
def test_what_may_pass_is_asked_again(server: Endpoint, first: tuple[int, Any], asked: int) -> None:
    server.headers = {"retry-after-ms": "10"}
    server.says = in_turn(first, (200, completion("hello")))
    if asked == 2:
        assert server.ask(retries=1).text == "hello"
    else:
        with pytest.raises(ModelError):
            server.ask(retries=1)
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("headers", "asked", "least_s"),
    [
        ({"Retry-After": "1"}, 2, 1),
        ({"Retry-After": "nan"}, 2, 0.5),
        ({"Retry-After": "-5"}, 2, 0.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 2, 0.5),
        ({"Retry-After": "60"}, 1, 0),
        ({"Retry-After": "Wed, 21 Oct 2195 07:28:00 GMT"}, 1, 0),
        ({"x-should-retry": "false"}, 1, 0),
    ],
)
def test_a_question_waits_as_long_as_the_server_asks_but_not_beyond_its_time(
    server: Endpoint, headers: dict[str, str], asked: int, least_s: float
) -> None:
    server.headers = headers
    server.says = lambda body: (429, {"error": {"message": "slow"}})
    begun = time.monotonic()
    with pytest.raises(ModelError, match="HTTP 429: slow"):
        server.ask(retries=1)
    assert len(server.asked) == asked
    assert time.monotonic() - begun >= least_s


def test_a_try_that_hangs_does_not_hide_what_the_server_said_before(server: Endpoint) -> None:
    server.ask()  # the first question imports LangChain, which is no part of the limit
    server.headers = {"retry-after-ms": "10"}
    later = in_turn((429, {"error": {"message": "slow"}}), (200, completion("hello")))
    server.says = lambda body: (time.sleep(4 * (len(server.asked) > 2)), later(body))[1]
    with pytest.raises(ModelError, match="HTTP 429: slow"):
        server.ask(retries=1, timeout_s=3)
    assert len(server.asked) == 3


@pytest.mark.parametrize("value", [f"{KEY}\n", f"{KEY}\r\n", f" {KEY}"])
@pytest.mark.parametrize("name", ["MYKEY", "OPENAI_API_KEY"])
def test_a_key_is_sent_without_the_blanks_around_it_and_never_told(
    server: Endpoint, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    server.says = lambda body: (200, completion(f"my key is {KEY}"))
    assert server.ask(api_key_env=name).text == "my key is ***"
    assert server.sent_keys == [f"Bearer {KEY}"]
    for reply in (
        (401, {"error": {"message": f"{'y' * 225} {KEY}"}}),
        (200, completion(None, refusal=f"{'r' * 105} {KEY}")),
        (200, f"<html>{'z' * 100} {KEY}"),
    ):
        server.says = lambda body, reply=reply: reply
        with pytest.raises(ModelError) as error:
            server.ask(api_key_env=name)
        assert KEY[:6] not in str(error.value)


@pytest.mark.parametrize("value", [f"{KEY[:9]}\n{KEY[9:]}", f"{KEY}\u2026", f"{KEY}\x07"])
def test_a_key_that_no_header_can_hold_is_named_by_its_variable(
    server: Endpoint, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYKEY", value)
    with pytest.raises(ModelError, match="MYKEY holds more than a key; set it to the key alone") as error:
        server.ask(api_key_env="MYKEY")
    assert "\n" not in str(error.value)
    assert KEY[:6] not in str(error.value)
    assert server.asked == []


def test_a_schema_is_given_up_step_by_step_and_a_limit_is_not(server: Endpoint) -> None:
    server.says = lambda body: (
        (400, {"error": {"message": "Grammar error"}}) if "response_format" in body else (200, completion("a"))
    )
    assert server.ask(SCHEMA).text == "a"
    assert [body.get("response_format", {}).get("type") for body in server.asked] == ["json_schema", "json_object", None]
    large = "max_tokens is too large: 32000. This model supports at most 16384 completion tokens"
    server.says = lambda body: (400, {"error": {"message": large, "param": "max_tokens"}})
    with pytest.raises(ModelError, match="at most 16384 completion tokens; lower max_tokens"):
        server.ask(max_tokens=32000)
    assert len(server.asked) == 4
