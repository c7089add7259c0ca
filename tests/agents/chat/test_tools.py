"""Functions that a model calls: how they are offered, how calls are read, and what is said of a server that takes none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain import chat_models
from langchain_core.messages import AIMessage, AIMessageChunk

from ouroloop.agents.chat import ChatConfig, ChatReply, LangChainChat, Message, calls_of, characters, text_of
from ouroloop.agents.chat.answers import heard, of_message
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.records import ToolCall
from tests.agents.chat.scripted import Endpoint
from tests.agents.chat.test_answers import body, event
from tests.agents.replies import called, called_in_pieces, completion

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
CALLS = [("try_draft", '{"patch": "def act(o, l):\\n    return \\"ü\\""}'), ("look", '{"game": 1}')]
FOUND = tuple(ToolCall(name, arguments, f"call-{place}") for place, (name, arguments) in enumerate(CALLS))
TALK: list[Message] = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"game": 1}'}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "lost"},
]


class Offering(ChatConfig):
    """Settings of a role that offers functions."""

    @property
    def offers_tools(self) -> bool:
        return True


def asked(server: Endpoint, **extra: object) -> ChatReply:
    chat = LangChainChat(Offering.model_validate(server.config(**extra).model_dump()))
    return asyncio.run(chat.complete(TALK, 1, tools=[LOOK]))


@pytest.mark.parametrize("stream", [False, True])
def test_functions_are_offered_and_calls_are_read(server: Endpoint, stream: bool) -> None:
    server.kind = "text/event-stream" if stream else "application/json"
    server.says = lambda body: (200, called_in_pieces(CALLS) if stream else called(CALLS))
    reply = asked(server, stream=stream)
    assert reply.calls == FOUND
    assert (reply.text, reply.finish) == ("", "stop")
    (sent,) = server.asked
    assert sent["tools"] == [LOOK]
    _, call, answer = sent["messages"]
    assert call["tool_calls"] == TALK[1]["tool_calls"]
    assert (answer["role"], answer["tool_call_id"], answer["content"]) == ("tool", "a", "lost")


def test_tokens_of_calls_are_estimated_where_a_server_counts_none(server: Endpoint) -> None:
    server.says = lambda body: (200, {**called(CALLS), "usage": None})
    reply = asked(server)
    assert reply.tokens_out == -(-sum(call.characters for call in FOUND) // 4)
    assert reply.tokens_in == -(-sum(map(characters, TALK)) // 4)
    assert characters(TALK[1]) == len('look{"game": 1}a')


def test_a_call_where_nothing_was_offered_is_no_reply(server: Endpoint) -> None:
    server.says = lambda body: (200, called(CALLS))
    with pytest.raises(ModelError, match="the reply is a tool call, and no tool was offered"):
        server.ask()
    server.says = lambda body: (200, called(CALLS, "beside a text"))
    assert server.ask() == ChatReply("beside a text", 100, 20)
    assert "tools" not in server.asked[0]


def test_a_key_in_a_call_goes(server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYKEY", "9f8e7d6c5b4a39281706f5e4d3c2b1a0")
    server.says = lambda body: (200, called([("look", '{"k": "9f8e7d6c5b4a39281706f5e4d3c2b1a0 \\ud800"}')]))
    (call,) = asked(server, api_key_env="MYKEY").calls
    assert call.arguments == '{"k": "*** \\ud800"}'


def test_calls_that_are_too_long_are_no_reply(server: Endpoint) -> None:
    server.says = lambda body: (200, called([("look", "x" * 300_000)]))
    with pytest.raises(ModelError, match="a reply of 3000"):
        asked(server)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (404, "No endpoints found that support tool use. Try disabling `try_draft`"),
        (500, "tools param requires --jinja flag"),
        (400, "registry.ollama.ai/library/gemma:2b does not support tools"),
        (422, "body.tools: Extra inputs are not permitted"),
    ],
)
def test_a_server_that_takes_no_functions_is_told_apart(server: Endpoint, status: int, said: str) -> None:
    server.says = lambda body: (status, {"error": {"message": said, "param": "tools"}})
    with pytest.raises(ModelError, match='set tools = "words" in the role') as error:
        asked(server)
    assert said[:20] in str(error.value)
    assert len(server.asked) == 1
    with pytest.raises(ModelError) as other:
        server.ask()
    assert "words" not in str(other.value)


def pieces(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(event({"tool_calls": [delta]}) for delta in deltas), event({}, "tool_calls")]


def function(name: str | None = None, arguments: object = None, **more: object) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([body({"tool_calls": [function("a", '{"x": 1}'), function("b", "{}")]})], [("a", '{"x": 1}', ""), ("b", "{}", "")]),
        ([body({"tool_calls": [function("a", {"x": 1}, id="1")]})], [("a", '{"x": 1}', "1")]),
        (
            [body({"tool_calls": [function("a", "{}", index=0), function("b", "{}", index=0)]})],
            [("a", "{}", ""), ("b", "{}", "")],
        ),
        ([body({"function_call": {"name": "a", "arguments": "{}"}})], [("a", "{}", "")]),
        ([body({"tool_calls": [5, {"function": None}, function("fun c.1\n", None)]})], [("fun_c_1_", "", "")]),
        ([body({"tool_calls": [function("a")] * 40})], [("a", "", "")] * 16),
        ([body({"content": "ok", "tool_calls": []})], []),
        (pieces(function("a", "{", index=0, id="1"), function(None, "}", index=0)), [("a", "{}", "1")]),
        (pieces(function("a", "{", index=0, id="1"), function("a", "}", index=0, id="1")), [("a", "{}", "1")]),
        (pieces(function("a", "{", index=0), function("", "}", index=0, id="1")), [("a", "{}", "1")]),
        (
            pieces(function("a", "{", index=0), function("b", "[", index=1), function(None, "}", index=0)),
            [("a", "{}", ""), ("b", "[", "")],
        ),
        (
            pieces(function("a", "{}", index=0, id="1"), function("b", "{}", index=0, id="2"), function(None, " ", index=0)),
            [("a", "{}", "1"), ("b", "{} ", "2")],
        ),
        (
            pieces(function("a", "{", id="1"), function(None, "}"), function("b", "{}", id="2")),
            [("a", "{}", "1"), ("b", "{}", "2")],
        ),
        (pieces(function("a", "{}"), function("b", "{}")), [("a", "{}", ""), ("b", "{}", "")]),
    ],
)
def test_calls_are_read_whoever_sends_them(told: list[dict[str, Any]], found: list[tuple[str, str, str]]) -> None:
    answer = heard(told, streamed="delta" in told[0]["choices"][0])
    assert [(call.name, call.arguments, call.id) for call in answer.calls] == found


def test_calls_of_other_providers_are_read() -> None:
    good = {"name": "look", "args": {"game": 1}, "id": "a"}
    bad = {"name": "look", "args": '{"ga', "id": "b", "error": "no JSON", "type": "invalid_tool_call"}
    message = AIMessage("", tool_calls=[good], invalid_tool_calls=[bad])
    assert of_message(message).calls == (ToolCall("look", '{"game": 1}', "a"), ToolCall("look", '{"ga', "b"))
    chunk = AIMessageChunk("", tool_call_chunks=[{"name": "look", "args": "{}", "id": None, "index": 0}])
    assert of_message(chunk).calls == (ToolCall("look", "{}", ""),)


class Model:
    """LangChain's model of another provider."""

    def __init__(self, takes: bool) -> None:
        self.takes, self.bound = takes, list[Any]()

    def bind_tools(self, tools: list[Any]) -> Model:
        if not self.takes:
            raise NotImplementedError
        self.bound = tools
        return self

    async def ainvoke(self, messages: list[Message]) -> AIMessage:
        return AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "a"}])


@pytest.mark.parametrize("takes", [True, False])
def test_other_providers_are_offered_functions_by_langchain(takes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(takes)
    monkeypatch.setattr(chat_models, "init_chat_model", lambda *_, **__: model)
    chat = LangChainChat(ChatConfig(model="anthropic:claude"))
    if takes:
        assert asyncio.run(chat.complete(TALK, 1, tools=[LOOK])).calls == (ToolCall("look", "{}", "a"),)
        assert model.bound == [LOOK]
        return
    with pytest.raises(ModelError, match=r'takes no functions.*set tools = "words"'):
        asyncio.run(chat.complete(TALK, 1, tools=[LOOK]))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "hm", "tool_calls": [function("look", '{"game": 1, "x": "ü"}')]}, 'hm\n-> look(game=1, x="ü")'),
        (
            {"content": "", "tool_calls": [function("try", json.dumps({"patch": "a\nb", "n": 1}))]},
            "-> try(patch=..., n=1)\na\nb",
        ),
        ({"content": None, "tool_calls": [function("submit", "")]}, "-> submit()"),
        ({"tool_calls": [function("look", '{"ga')]}, '-> look: {"ga'),
        ({"tool_calls": [function("look", "[1]")]}, "-> look: [1]"),
        ({"content": "a", "tool_calls": [5, {"function": 1}]}, "a"),
        ({"content": "a", "tool_calls": 7}, "a"),
    ],
)
def test_calls_are_shown_as_text(message: Message, text: str) -> None:
    assert text_of(message.get("content"), calls_of(message)) == text


def test_a_reply_that_is_no_call_is_as_it_was(server: Endpoint) -> None:
    server.says = lambda body: (200, completion("hello"))
    assert asked(server) == ChatReply("hello", 100, 20)
    server.says = lambda body: (200, completion(""))
    with pytest.raises(ModelError, match="empty reply"):
        asked(server)
