"""Why a reply ended, in every provider's words."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat.endings import ending


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *(
            (name, "stop")
            for name in ("stop", "tool_calls", "end_turn", "stop_sequence", "STOP", "eos_token", "eos", "COMPLETE")
        ),
        ("a name of tomorrow", "stop"),
        *((name, "length") for name in ("length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens")),
        *((name, "length") for name in ("maxPredictedTokensReached", "contextLengthReached", "token_limit", "max_new_tokens")),
        *((name, "length") for name in ("lengthlength", "stoplength", "nulllength", "incomplete", "truncated")),
        *((name, "content_filter") for name in ("content_filter", "SAFETY", "RECITATION", "refusal")),
        *((name, "broken") for name in ("error", "abort", "cancelled", "insufficient_system_resource")),
    ],
)
@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_name_means_the_same_wherever_it_stands(name: str, found: str, key: str, streamed: bool) -> None:
    assert ending([{key: name}], streamed=streamed) == (found, name)


@pytest.mark.parametrize("told", [{}, {"finish_reason": None}, {"finish_reason": ""}, {"finish_reason": "null"}])
def test_only_a_stream_needs_a_name_to_be_whole(told: dict[str, object]) -> None:
    assert ending([told], streamed=False) == ("stop", "")
    assert ending([told], streamed=True) == ("broken", "")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["length", "length"], "length"),
        (["stop", "stop"], "stop"),
        (["null", "length", None], "length"),
        (["stop", "length"], "length"),
        (["length", "stop"], "length"),
        (["error", "stop"], "broken"),
        ([{"type": "length", "length": 10}], "length"),
        ([{"type": "stop"}], "stop"),
        ([["length"]], "length"),
        ([None, "null", ""], "broken"),
    ],
)
def test_the_worst_of_several_names_counts(names: list[object], found: str) -> None:
    assert ending(({"finish_reason": name} for name in names), streamed=True)[0] == found
