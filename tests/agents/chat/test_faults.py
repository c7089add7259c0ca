"""What a provider's errors mean, and which of them say that the conversation is too long."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.chat.faults import Faults, is_too_long

GROQS = (
    "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` "
    "for this model"
)


class Refused(Exception):
    """An HTTP error as the OpenAI client raises it."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"Error code: {status}")
        self.status_code, self.body = status, body


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "The input token count (40000) exceeds the maximum number of tokens allowed (32767)."}),
        (422, {"error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000"}),
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 99"}),
        (400, {"message": "Please reduce the length of the messages or completion.", "code": "context_length_exceeded"}),
        (400, {"message": "Too much.", "code": "context_length_exceeded"}),
        (413, {"error": {"message": "Too much.", "code": "context_length_exceeded"}}),
        (400, {"message": "Too much.", "type": "exceed_context_size_error"}),
        (400, {"message": "This model's maximum context length is 4096 tokens."}),
        (400, {"message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192."}),
        (
            400,
            {
                "message": "'max_tokens' is too large: 20. This model's maximum context length is 40 tokens",
                "param": "max_tokens",
            },
        ),
        (400, {"message": "Invalid request: Your request exceeded model token limit: 8192"}),
        (400, {"message": "Prompt exceeds max length", "code": "1261"}),
        (400, {"message": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]"}),
        (400, {"message": "prompt token count of 90000 exceeds the limit of 64000"}),
        (400, {"message": "Input length 9000 exceeds maximum allowed token size 8000"}),
        (413, {"message": "Request body too large for gpt-4o model. Max size: 8000 tokens."}),
        (413, {"message": "Too much.", "code": "tokens_limit_reached"}),
        (500, {"message": "input is too large to process. increase the physical batch size"}),
    ],
)
def test_a_conversation_that_does_not_fit_is_known(status: int, body: object) -> None:
    assert is_too_long(Refused(status, body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "max_tokens is not supported", "code": "unsupported_parameter", "type": "invalid_request_error"}),
        (400, {"message": "`temperature` must be less than 2", "code": 400}),
        (400, {"message": GROQS}),
        (400, {"message": "max_tokens is too large: 32000. This model supports at most 16384 completion tokens"}),
        (400, {"message": "context cache size limit reached"}),
        (429, {"message": "Rate limit reached for tokens per minute", "code": "rate_limit_exceeded"}),
        (401, {"message": "context length", "code": "context_length_exceeded"}),
        (400, None),
        (400, ["x"]),
    ],
)
def test_other_refusals_are_none(status: int, body: object) -> None:
    assert not is_too_long(Refused(status, body))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, {"message": "max_tokens is too large: 9. This model supports at most 8"}, "lower max_tokens"),
        (400, {"message": "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"}, "lower max_tokens"),
        (402, {"message": "Insufficient credits."}, "add credit"),
        (429, {"message": "You exceeded your current quota.", "code": "insufficient_quota"}, "add credit"),
        (429, {"message": "You exceeded your current quota, please check your plan and billing details."}, "wait, or ask"),
        (400, {"message": "This model only support stream mode, please enable the stream parameter"}, "set stream = true"),
        (400, {"message": "<400> InternalError.Algo: seed is odd"}, "<400> InternalError.Algo: seed is odd; check"),
        (400, "<!DOCTYPE html><p>Bad request", "HTTP 400; check"),
        (422, {"detail": [{"loc": ["body", "top", 0], "msg": "Extra inputs"}]}, "HTTP 422: body.top.0: Extra inputs; check"),
        (
            429,
            {"message": "Provider returned error", "metadata": {"raw": "queue is full"}},
            "returned error: queue is full; wait",
        ),
        (400, {"message": "y" * 225 + " 9f8e7d6c5b4a39281706f5e4d3c2b1a0"}, "y ***; check"),
    ],
)
def test_a_refusal_is_quoted_with_its_remedy(status: int, body: object, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYKEY", "9f8e7d6c5b4a39281706f5e4d3c2b1a0\n")
    assert says in str(Faults(ChatConfig(model="openai:m", api_key_env="MYKEY")).of(Refused(status, body)))


@pytest.mark.parametrize("sees", [True, False])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "This model does not support image inputs"),
        (404, "No endpoints found that support image input"),
        (422, "messages.1.content: Input should be a valid string"),
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_a_model_that_takes_no_pictures_need_not_be_shown_any(status: int, said: str, sees: bool) -> None:
    told = str(Faults(ChatConfig(model="openai:m", sees=sees)).of(Refused(status, {"message": said})))
    assert ("leave sees out of the role's config" in told) == sees
