"""What of a question is left out after which refusal."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat.refusals import refused
from tests.agents.chat.test_faults import Refused

SCHEMA = {"type": "json_schema", "json_schema": {}}
ASKED = {
    "response_format": SCHEMA,
    "temperature": 0.8,
    "seed": 1,
    "max_tokens": 9,
    "stream_options": {"include_usage": True},
}


def told(message: str, **more: object) -> dict[str, object]:
    return {"message": message, **more}


def extra(*loc: object) -> dict[str, object]:
    return {"detail": [{"type": "extra_forbidden", "loc": list(loc), "msg": "Extra inputs are not permitted"}]}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, told("This response_format type is unavailable now", code="invalid_request_error")),
        (400, told("failed to parse grammar")),
        (400, told("The provided JSON schema contains features not supported by xgrammar.")),
        (400, told("Grammar error: Unimplemented keys: ['minItems']")),
        (
            400,
            [{"error": told("Unknown name \"minItems\" at 'generation_config.response_schema': Cannot find field.", code=400)}],
        ),
        (400, told("The specified schema produces a constraint that has too many states for serving.")),
        (400, told("response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later")),
        (400, told("This model does not have JSON mode enabled")),
        (500, told("invalid JSON schema in format")),
        (404, told("No endpoints found that can handle the requested parameters.", code=404)),
        (400, told("Failed to validate JSON. Please adjust your prompt.", code="json_validate_failed")),
        (400, told("This model does not support response format `json_schema`.", param="response_format")),
        (400, told("strict must be true", param="response_format.json_schema.strict")),
        (400, told("Provider returned error", metadata={"raw": '{"message": "response_format is not supported"}'})),
        (422, extra("body", "response_format", "schema")),
        (501, told("structured output is not supported")),
    ],
)
def test_whatever_is_wrong_with_a_schema_is_a_refusal_of_it(status: int, body: object) -> None:
    assert refused(Refused(status, body), ASKED) == "json_schema"
    assert refused(Refused(status, body), {**ASKED, "response_format": {"type": "json_object"}}) == "response_format"
    assert refused(Refused(status, body), {"seed": 1}) is None


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (422, extra("body", "seed"), "seed"),
        (422, {"object": "error", "message": extra("body", "seed"), "type": "invalid_request_error"}, "seed"),
        (422, extra("body", "stream_options"), "stream_options"),
        (400, told("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (400, [{"error": told('Invalid JSON payload received. Unknown name "seed": Cannot find field.')}], "seed"),
        (500, told("create() got an unexpected keyword argument 'seed'"), "seed"),
        (400, told("temperature must be 1 for this model"), "temperature"),
        (400, told("`temperature` may only be set to 1 when thinking is enabled."), "temperature"),
        (400, told("Only the default (1) value is supported.", param="temperature"), "temperature"),
        (400, told("Unsupported parameter: 'max_tokens' is not supported with this model.", param="max_tokens"), "max_tokens"),
        (422, extra("body", "max_tokens"), "max_tokens"),
        (400, told("temperature must be at most 1"), None),
        (400, told("max_tokens is too large: 32000. This model supports at most 16384", param="max_tokens"), None),
        (400, told("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"), None),
        (400, told("`max_tokens` must be less than or equal to `8192`", param="max_tokens"), None),
        (422, {"detail": [{"loc": ["body", "max_tokens"], "msg": "Input should be less than or equal to 8192"}]}, None),
        (429, told("seed is not supported"), None),
        (400, told("maximum context length is 10, seed not supported"), None),
        (400, told("bad request"), None),
    ],
)
def test_a_refused_parameter_is_known(status: int, body: object, name: str | None) -> None:
    assert refused(Refused(status, body), ASKED) == name
