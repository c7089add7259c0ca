"""Why a reply ended, which every provider names differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

Ending: TypeAlias = Literal["stop", "length", "content_filter", "broken"]
"""The model ended the reply, the limit of tokens did, a filter withheld it, or the server broke off."""
_KEYS: Final = ("finish_reason", "stop_reason", "done_reason")
_NAMES: Final[Mapping[Ending, frozenset[str]]] = {
    "broken": frozenset(
        {
            *("error", "abort", "aborted", "cancel", "cancelled", "canceled", "timeout", "network_error", "server_error"),
            *("insufficient_system_resource", "finish_reason_unspecified"),
        }
    ),
    "content_filter": frozenset(
        {
            *("content_filter", "content_filtered", "guardrail_intervened", "refusal", "sensitive", "error_toxic"),
            *("safety", "recitation", "blocklist", "prohibited_content", "spii"),
        }
    ),
}
"""The names of OpenAI, Anthropic, Gemini, Bedrock, Mistral, Cohere, DeepSeek, GLM, OpenRouter and vLLM, in lower case."""
_CUT_OFF: Final = re.compile(r"length|limit|tokens|context_window|truncat|incomplete")
"""A part of every name that says that the reply was cut off: `length`, `MAX_TOKENS`, `maxPredictedTokensReached`."""
_NONE: Final = frozenset({"", "null", "none"})


def ending(told: Iterable[Mapping[str, Any]], *, streamed: bool) -> tuple[Ending, str]:
    """Return why a reply ended, and the server's own name for that, empty if it gave none.

    A server may give several names, one with each event of a stream: the worst of them counts.

    A name that is not known counts as `stop`: each provider has a name of its own for that (`stop`, `end_turn`, `eos_token`),
    and the screen refuses a candidate that was cut off after all, whereas taking such a name for a failure would lose every
    reply of that provider. Without a name, an unstreamed reply is whole, as older servers send it. A stream is not: its last
    event gives the name, so the connection was lost before.

    Args:
        told: what the server said of the reply, or of each part of it.
        streamed: whether it came as a stream of events.
    """
    names = [name for one in told if (name := _name(one))]
    if not names:
        return ("broken" if streamed else "stop"), ""
    for known, of_kind in _NAMES.items():
        if found := next((name for name in names if name.lower().replace("-", "_") in of_kind), None):
            return known, found
    if found := next((name for name in names if _CUT_OFF.search(name.lower())), None):
        return "length", found
    return "stop", names[-1]


def _name(told: Mapping[str, Any]) -> str:
    """Return the name in what was told; some servers give a table, with its type."""
    said = next((told[key] for key in _KEYS if told.get(key)), "")
    name = str(said.get("type", said) if isinstance(said, Mapping) else said)
    return "" if name.lower() in _NONE else name
