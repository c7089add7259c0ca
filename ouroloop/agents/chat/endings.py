"""Why a reply ended, which every provider names differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

Ending: TypeAlias = Literal["stop", "length", "content_filter", "broken"]
"""The model ended the reply, the limit of tokens did, a filter withheld it, or the server broke off."""
_KEYS: Final = ("finish_reason", "stop_reason", "done_reason")
_NAMES: Final[Mapping[Ending, frozenset[str]]] = {
    "length": frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}),
    "content_filter": frozenset(
        {
            *("content_filter", "content_filtered", "guardrail_intervened", "refusal", "sensitive", "error_toxic"),
            *("safety", "recitation", "blocklist", "prohibited_content", "spii"),
        }
    ),
    "broken": frozenset(
        {
            *("error", "abort", "aborted", "cancel", "cancelled", "canceled", "timeout", "network_error"),
            *("insufficient_system_resource", "finish_reason_unspecified"),
        }
    ),
}
"""The names of OpenAI, Anthropic, Gemini, Bedrock, Mistral, Cohere, DeepSeek, GLM, OpenRouter and vLLM, in lower case."""


def ending(told: Mapping[str, Any], *, streamed: bool) -> tuple[Ending, str]:
    """Return why a reply ended, and the server's own name for that, empty if it gave none.

    A name that is not known counts as `stop`: each provider has a name of its own for that (`stop`, `end_turn`, `eos_token`),
    and the screen refuses a candidate that was cut off after all, whereas taking such a name for a failure would lose every
    reply of that provider. Without a name, an unstreamed reply is whole, as older servers send it. A stream is not: its last
    event gives the name, so the connection was lost before.

    Args:
        told: what the server said of the reply.
        streamed: whether it came as a stream of events.
    """
    name = next((str(told[key]) for key in _KEYS if told.get(key)), "")
    if not name:
        return ("broken" if streamed else "stop"), ""
    return next((known for known, names in _NAMES.items() if name.lower() in names), "stop"), name
