"""The chat roles against a small real HTTP server that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from threading import Event
from typing import Any

import pytest
from langchain import chat_models
from langchain_core.messages import AIMessage

from ouroloop.agents.chat import ChatConfig, ChatReply, LangChainChat, Message
from ouroloop.agents.prompted.agent import AgentConfig
from ouroloop.agents.prompted.asking import Question, ask_all
from ouroloop.agents.prompted.designer import ChatDesigner
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.agents.search.composer import Plan, diff, render
from ouroloop.protocols.errors import CandidateFault, ModelError
from ouroloop.protocols.messages import Tried
from ouroloop.protocols.prices import Tokens
from ouroloop.rewards.language import parse
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import TASK, apply, patch_request, reward_request
from tests.agents.replies import completion, streamed

DIFF = diff(TASK.start_controller, render(Plan(start="legal_moves"), 4))
GOOD_PATCH = f"I filter the moves.\n```diff\n{DIFF}```\n"
GOOD_SPEC = 'Sure {here}:\n```json\n{"terms": [{"name": "a", "expr": "approach", "weight": 0.5}], "gamma_r": 0.2}\n```'
SPEC = '{"terms": [{"name": "a", "expr": "approach", "weight": 0.5}]}'
PROSE = "I am a teapot and have no opinion on snakes."


def test_patcher_returns_whole_replies_and_sends_what_it_knows(server):
    server.says = lambda body: (200, completion(GOOD_PATCH))
    tried = Tried(
        round=1, kind="patch", role="x", outcome="rejected", layer="gate", reason="worse", effect=-0.1, diff="OLD DIFF"
    )
    request = patch_request(seed=7, count=2, tried=(tried,))
    reply = asyncio.run(ChatPatcher(server.config()).act(request))
    assert [p.text for p in reply.proposals] == [GOOD_PATCH] * 2
    assert apply(DIFF, TASK.start_controller).startswith("from toolkit import legal_moves")
    assert sorted(body["seed"] for body in server.asked) == [7, 8]
    text = json.dumps(server.asked[0]["messages"])
    for part in ("hits_wall", "legal_moves", "def act(", "OLD DIFF", "gate"):
        assert part in text
    assert [m["role"] for m in server.asked[0]["messages"]] == ["system", "user"]


def test_designer_finds_the_object_in_the_reply(server):
    server.says = lambda body: (200, completion(GOOD_SPEC))
    reply = asyncio.run(ChatDesigner(server.config()).act(reward_request(count=1)))
    assert parse(reply.proposals[0].spec).terms[0].expr == "approach"
    text = json.dumps(server.asked[0]["messages"])
    assert all(name in text for name in TASK.features)


def test_count_means_count_and_settings_arrive(server):
    server.says = lambda body: (200, completion(GOOD_PATCH))
    reply = asyncio.run(ChatPatcher(server.config(temperature=0.3, max_tokens=77)).act(patch_request(count=5)))
    assert len(reply.proposals) == len(server.asked) == 5
    body = server.asked[0]
    assert body["model"] == "scripted"
    assert body["temperature"] == 0.3
    assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_tokens_are_counted(server):
    server.says = lambda body: (200, completion("hello"))
    reply = asyncio.run(LangChainChat(server.config()).complete([{"role": "user", "content": "hi"}], 2**63))
    assert reply == ChatReply("hello", 100, 20)
    assert 0 <= server.asked[0]["seed"] < 2**31


def test_prose_goes_to_the_screen_with_the_reason(server):
    (patch,) = asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1))).proposals
    with pytest.raises(CandidateFault, match="found neither a diff nor a controller"):
        static_screen(patch.text, TASK.start_controller)
    (spec,) = asyncio.run(ChatDesigner(server.config()).act(reward_request(count=1))).proposals
    assert "holds no reward spec" in spec.fault


@pytest.mark.parametrize(
    ("status", "reply", "says"),
    [
        (500, {"error": {"message": "boom"}}, "HTTP 500: boom; look at the server's log"),
        (401, {"error": {"message": "no"}}, "HTTP 401: no; put a valid key into OPENAI_API_KEY"),
        (404, {"error": {"message": "no model"}}, "HTTP 404: no model; check the model's name"),
        (429, {"error": {"message": "slow"}}, "HTTP 429: slow; wait"),
        (200, "<html>hello</html>", "no chat completion"),
        (200, {"hello": 1}, "no chat completion"),
        (200, completion(""), "empty reply"),
        (200, completion(None, refusal="I will not"), "refused: I will not"),
    ],
)
def test_failures_are_one_line_with_endpoint_and_remedy(server, status, reply, says):
    server.says = lambda body: (status, reply)
    with pytest.raises(ModelError) as error:
        asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1)))
    text = str(error.value)
    assert says in text
    assert server.url in text
    assert "\n" not in text


TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "reply",
    [
        completion("", finish="length"),
        completion("x", finish="content_filter"),
        completion(None, refusal="I will not"),
        completion(None, tool_calls=[TOOL_CALL]),
        completion("   "),
        completion("x" * 300_000),
    ],
)
def test_a_reply_that_holds_no_answer_tells_what_it_used(server, reply):
    reply["usage"]["prompt_tokens_details"] = {"cached_tokens": 60}
    server.says = lambda body: (200, reply)
    with pytest.raises(ModelError) as error:
        asyncio.run(LangChainChat(server.config()).complete([{"role": "user", "content": "hi"}], 0))
    assert error.value.used == Tokens(40, 60, 20)


class OrError(LangChainChat):
    """Gives an error as the answer."""

    async def complete(self, messages: list[Message], seed: int, schema: object = None) -> ChatReply | ModelError:
        (answer,) = await asyncio.gather(super().complete(messages, seed), return_exceptions=True)
        return answer


def usage(tokens: object) -> dict:
    return {**completion(GOOD_PATCH), "usage": {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": tokens}}


@pytest.mark.parametrize("tokens", [-5, 0, 10**30, "many", None, 1.5, [1], -(10**400)])
def test_counts_that_cannot_be_true_are_estimated(server, tokens):
    """No count of an endpoint's lowers the spend; one that its client does not even take is no chat completion."""
    server.says = lambda body: (200, usage(tokens))
    answer = asyncio.run(
        ask_all(OrError(server.config()), [Question(lambda brief: [{"role": "user", "content": "x" * 40}], 1)])
    )[0]
    if isinstance(answer, ChatReply):
        assert (answer.tokens_in, answer.tokens_out) == (10, -(-len(GOOD_PATCH) // 4))
    else:
        assert "no chat completion" in str(answer)


@pytest.mark.parametrize(
    ("reply", "kind", "encoding"),
    [
        (b'{"id":"x","choices":[{"message":{"role":"assistant","content":"caf\xe9 \xff"}}]}', "application/json", ""),
        (b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json", ""),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream", ""),
        (json.dumps(completion("hello")).encode(), "application/json", "gzip"),
        (b"\x1f\x8b garbage", "application/json", "gzip"),
        (b"", "application/json", ""),
        (b"null", "application/json", ""),
        (b"[1, 2]", "application/json", ""),
        (b'{"choices": null}', "application/json", ""),
        (b'{"choices": []}', "application/json", ""),
        (b'{"choices": [null]}', "application/json", ""),
        (b'{"choices": [{"message": null}]}', "application/json", ""),
        (b'{"choices": [{"message": {"role": "assistant", "content": {"a": 1}}}]}', "application/json", ""),
        (b'{"choices": [{"message": {"role": 7, "content": [1, 2]}}]}', "application/json", ""),
        (b'{"choices": 1e999}', "application/json", ""),
        (json.dumps(completion("x" * 300_000)).encode(), "application/json", ""),
        (json.dumps(completion(None, tool_calls=[TOOL_CALL])).encode(), "application/json", ""),
        (json.dumps(completion("   ")).encode(), "application/json", ""),
    ],
)  # fmt: skip
def test_whatever_a_server_sends_is_a_model_error_in_one_line(server, reply, kind, encoding):
    server.says = lambda body: (200, reply)
    server.kind, server.encoding = kind, encoding
    with pytest.raises(ModelError) as error:
        asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1)))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_half_an_emoji_is_replaced(server):
    server.says = lambda body: (200, json.dumps(completion(GOOD_PATCH)).replace("I filter", "I \\ud83d filter"))
    reply = asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1)))
    assert reply.proposals[0].text == GOOD_PATCH.replace("I filter", "I \ufffd filter")


@pytest.mark.parametrize(
    ("body", "stream"), [(completion(SPEC, finish="error"), False), (completion(SPEC, finish="abort"), False),
                         (streamed(SPEC, "error"), True), (streamed(SPEC, None), True)],
)  # fmt: skip
def test_a_reply_that_the_server_broke_off_is_lost_and_paid(server, body, stream):
    server.says = lambda _: (200, body)
    server.kind = "text/event-stream" if stream else server.kind
    with pytest.raises(ModelError, match="the server broke the reply off") as error:
        asyncio.run(LangChainChat(server.config(stream=stream)).complete([{"role": "user", "content": "x" * 400}], 0))
    assert error.value.used.read == 100
    assert error.value.used.written > 0


def test_each_failed_call_is_told(server):
    server.says = lambda body: (500, {"error": {"message": "boom"}})
    with pytest.raises(ModelError) as error:
        asyncio.run(ChatDesigner(server.config()).act(reward_request(seed=0, count=3)))
    assert len(error.value.lost) == 3


def test_refused_connection():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = ChatConfig(model="openai:m", base_url=f"http://127.0.0.1:{port}/v1", retries=0)
    with pytest.raises(ModelError, match=r"connection refused or lost; start the server"):
        asyncio.run(ChatPatcher(config).act(patch_request(count=1)))


def test_a_server_that_hangs_is_left_after_the_time_limit(server):
    # The first question imports LangChain, which is no part of the limit.
    server.says = lambda body: (200, completion(GOOD_PATCH))
    asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1)))
    over = Event()
    server.says = lambda body: (over.wait(60), (200, completion(GOOD_PATCH)))[1]
    role = ChatPatcher(server.config(timeout_s=0.5, retries=1))
    try:
        with pytest.raises(ModelError, match=r"no reply within 0\.5 s; raise timeout_s"):
            asyncio.run(role.act(patch_request(count=1)))
    finally:
        over.set()


def test_one_failed_call_of_several_does_no_harm(server):
    server.says = lambda body: (200, completion(GOOD_PATCH)) if body["seed"] % 2 else (500, {"error": {"message": "boom"}})
    reply = asyncio.run(ChatPatcher(server.config()).act(patch_request(seed=0, count=4)))
    assert len(reply.proposals) == 2
    assert ["HTTP 500" in one.reason for one in reply.lost] == [True, True]


def test_a_wrapper_may_stand_before_the_model():
    class Scripted:
        async def complete(self, messages: list[Message], seed: int, schema: object = None) -> ChatReply:
            return ChatReply(GOOD_PATCH + str(seed), 1, 1)

    role = ChatPatcher(ChatConfig(model="openai:nobody"))
    role.chat = Scripted()
    reply = asyncio.run(role.act(patch_request(seed=4, count=2)))
    assert [p.text[-1] for p in reply.proposals] == ["4", "5"]
    assert asyncio.run(ask_all(Scripted(), [])) == []


USED = {"input_tokens": 100, "output_tokens": 7, "total_tokens": 107}


def asked_of_anthropic(monkeypatch, details: object = None, **config: object) -> tuple[ChatReply, dict[str, Any]]:
    """Return the reply to a question, and the settings of LangChain's model of Anthropic, whose package is not needed here."""
    seen: list[Any] = []

    class Model:
        async def ainvoke(self, messages: list[Message]) -> AIMessage:
            return AIMessage("hello", usage_metadata={**USED, "input_token_details": details or {}})

    def made(model: str, **settings: object) -> Model:
        seen.append(settings)
        return Model()

    monkeypatch.setattr(chat_models, "init_chat_model", made)
    chat = LangChainChat(ChatConfig.model_validate({"model": "anthropic:claude", **config}))
    reply = asyncio.run(chat.complete([{"role": "system", "content": "rules"}, {"role": "user", "content": "hi"}], 0))
    (settings,) = seen
    return reply, settings


def test_the_named_key_reaches_every_provider(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key of another house")
    assert "api_key" not in asked_of_anthropic(monkeypatch)[1]
    monkeypatch.setenv("MY_KEY", "the right key")
    assert asked_of_anthropic(monkeypatch, api_key_env="MY_KEY")[1]["api_key"] == "the right key"
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(ModelError, match="MY_KEY holds no key; set it, or leave api_key_env out"):
        asked_of_anthropic(monkeypatch, api_key_env="MY_KEY")


def test_anthropic_is_asked_to_cache_what_goes_on(monkeypatch):
    _, settings = asked_of_anthropic(monkeypatch)
    assert "model_kwargs" not in settings
    _, settings = asked_of_anthropic(monkeypatch, prompt_cache=True)
    assert settings["model_kwargs"] == {"cache_control": {"type": "ephemeral"}}
    assert AgentConfig(model="anthropic:claude").prompt_cache


@pytest.mark.parametrize(
    ("details", "cached", "stored"),
    [
        ({"cache_read": 60, "cache_creation": 30}, 60, 30),
        ({"cache_read": 60, "cache_creation": 0, "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 5}, 60, 25),
        ({"cache_read": 60, "cache_creation": 50}, 60, 0),
        ({"cache_read": 101, "cache_creation": -1}, 0, 0),
    ],
)
def test_tokens_that_went_into_a_cache_are_counted_apart(monkeypatch, details, cached, stored):
    reply, _ = asked_of_anthropic(monkeypatch, details)
    assert (reply.tokens_in, reply.tokens_out, reply.cached, reply.stored) == (100, 7, cached, stored)


def test_an_unknown_provider_is_named():
    with pytest.raises(ModelError, match="nonesuch"):
        asyncio.run(LangChainChat(ChatConfig(model="nonesuch:x")).complete([], 0))


def test_connections_are_kept_from_question_to_question(server):
    """Each question of a role has an event loop of its own; the connections belong to another one."""
    server.says = lambda body: (200, completion(SPEC))
    role = ChatDesigner(server.config())
    for _ in range(4):
        assert len(asyncio.run(role.act(reward_request(count=3))).proposals) == 3


def test_a_cut_off_reply_says_so(server):
    server.says = lambda body: (200, completion(GOOD_PATCH, finish="length"))
    (patch,) = asyncio.run(ChatPatcher(server.config(max_tokens=50)).act(patch_request(count=1))).proposals
    assert patch.fault == "the reply was cut off after 50 tokens (max_tokens)"


@pytest.mark.parametrize(
    ("own", "refused", "kept"), [(False, "max_tokens", "max_completion_tokens"), (False, "nothing", "max_tokens")]
)
def test_a_parameter_that_the_server_refuses_is_left_out(server, own, refused, kept):
    def says(body: dict) -> tuple[int, Any]:
        if refused in body:
            return 400, {"error": {"message": f"Unsupported parameter: '{refused}' is not supported", "param": refused}}
        return 200, completion(SPEC)

    server.says = says
    role = ChatDesigner(server.config(max_tokens=99))
    for _ in range(2):
        assert asyncio.run(role.act(reward_request(count=1))).proposals
    assert server.asked[-1][kept] == 99
    assert len(server.asked) == (3 if refused == "max_tokens" else 2)


def test_a_server_that_takes_no_schema_is_asked_without(server):
    def says(body: dict) -> tuple[int, Any]:
        if "response_format" in body:
            return 400, {"detail": [{"msg": "response_format: unknown type json_schema, not supported"}]}
        return 200, completion(SPEC)

    server.says = says
    assert asyncio.run(ChatDesigner(server.config()).act(reward_request(count=1))).proposals
    assert [body.get("response_format", {}).get("type") for body in server.asked] == ["json_schema", "json_object", None]
    assert server.asked[0]["response_format"]["json_schema"]["schema"]["properties"]["terms"]
    server.says = lambda body: (200, completion(SPEC))
    asyncio.run(ChatDesigner(server.config(structured="off")).act(reward_request(count=1)))
    assert "response_format" not in server.asked[-1]


def test_questions_side_by_side_keep_the_form_that_the_server_takes(server):
    def says(body: dict) -> tuple[int, Any]:
        time.sleep(0.1)  # the answers come one after the other, when all questions have been sent
        if body.get("response_format", {}).get("type") == "json_schema":
            return 400, {"detail": [{"msg": "response_format: unknown type json_schema, not supported"}]}
        return 200, completion(SPEC)

    server.says = says
    role = ChatDesigner(server.config())
    assert len(asyncio.run(role.act(reward_request(count=3))).proposals) == 3
    asyncio.run(role.act(reward_request(count=1)))
    forms = [body.get("response_format", {}).get("type") for body in server.asked]
    assert None not in forms
    assert forms[-1] == "json_object"


def test_a_conversation_that_is_too_long_is_shortened_once(server):
    too_long = {"message": "This model's maximum context length is 4096 tokens. However, you requested 5200 tokens"}
    server.says = lambda body: (200, completion(SPEC)) if "H . ." not in str(body) else (400, {"error": too_long})
    assert asyncio.run(ChatDesigner(server.config()).act(reward_request(count=1))).proposals
    assert len(server.asked) == 2
    server.says = lambda body: (400, {"error": too_long})
    with pytest.raises(ModelError, match="maximum context length is 4096"):
        asyncio.run(ChatDesigner(server.config()).act(reward_request(count=1)))
    assert len(server.asked) == 4


def test_a_server_that_streams_is_understood_when_told_to(server):
    server.says = lambda body: (200, streamed(GOOD_PATCH))
    server.kind = "text/event-stream"
    with pytest.raises(ModelError, match="set stream = true"):
        asyncio.run(ChatPatcher(server.config()).act(patch_request(count=1)))
    reply = asyncio.run(ChatPatcher(server.config(stream=True)).act(patch_request(count=1)))
    assert "legal_moves" in reply.proposals[0].text
