"""What of a question a server refuses, so that it is asked again without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ouroloop.agents.chat.faults import is_too_long, param_of, said_by, status_of

OPTIONAL: Final = {
    "response_format": r"response_?format|json_?schema|structured|grammar|guided",
    "temperature": "temperature",
    "seed": "seed",
    "max_completion_tokens": "max_completion_tokens",
    "max_tokens": r"max_tokens",
    "cache_control": "cache_control",
    "stream_options": r"stream_options|include_usage",
}
"""What a server may refuse of a question -> how it names that."""
JSON_SCHEMA: Final = "json_schema"
"""The form of reply that OpenAI and vLLM know. A server that refuses it may know `json_object`, as llama.cpp does."""
_STATUSES: Final = (400, 404, 422, 500, 501)
_UNKNOWN: Final = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected keyword|not (permitted|allowed)|extra|deprecated"
    r"|cannot find field",
    re.I,
)
"""A server does not know a parameter."""
_REFUSAL: Final = re.compile(
    rf"{_UNKNOWN.pattern}|invalid|literal_error|should be|unavailable|cannot be set"
    r"|(must|may|can)( only)? be( set to)? (1|the default)\b",
    re.I,
)
"""It does not know it, or not this value."""
_FORM: Final = re.compile(r"response.?format|schema|grammar|json|requested parameters", re.I)
"""Whatever is wrong with a schema: features of it, its size, the reply that did not keep to it."""
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_TOO_LARGE: Final = re.compile(r"too (large|big|high)|at most|less than|range|maximum|exceed|above|greater", re.I)


def refused(error: Exception, settings: Mapping[str, Any]) -> str | None:
    """Return what a server refuses of a question; None if the error has another cause.

    Without its limit of tokens a reply may cost a hundred times as much, so that is left out only where the server does not
    know the parameter. A form of the reply is no loss: a role reads replies without it as well.

    Args:
        error: what came of the question.
        settings: the optional parameters of the question. Others that were asked beside it may have been refused meanwhile.
    """
    if status_of(error) not in _STATUSES or is_too_long(error):
        return None
    said = said_by(error)
    named = param_of(error)
    if named not in settings:
        known = (name for name, words in OPTIONAL.items() if name in settings and re.search(rf"\b({words})", said, re.I))
        named = next(known, None) if _REFUSAL.search(said) else None
    if named in _LIMITS:
        return named if _UNKNOWN.search(said) and not _TOO_LARGE.search(said) else None
    if named is None and "response_format" in settings and _FORM.search(said):
        named = "response_format"
    if named == "response_format" and settings["response_format"]["type"] == JSON_SCHEMA:
        return JSON_SCHEMA
    return named
