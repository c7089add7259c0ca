"""Which errors of a provider say that the conversation is too long."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat.faults import is_too_long


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
    ],
)
def test_a_conversation_that_does_not_fit_is_known(status: int, body: object) -> None:
    assert is_too_long(Refused(status, body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": "max_tokens is not supported", "code": "unsupported_parameter", "type": "invalid_request_error"}),
        (400, {"message": "`temperature` must be less than 2", "code": 400}),
        (429, {"message": "Rate limit reached for tokens per minute", "code": "rate_limit_exceeded"}),
        (401, {"message": "context length", "code": "context_length_exceeded"}),
        (400, None),
        (400, ["x"]),
    ],
)
def test_other_refusals_are_none(status: int, body: object) -> None:
    assert not is_too_long(Refused(status, body))
