"""What a hosted model's tokens cost, by the list of the package genai-prices, which is part of that package."""

from __future__ import annotations

from typing import Final

from ouroloop.protocols.prices import MILLION, Price

SAMPLE: Final = 1000
"""Tokens that a price is asked for: few enough for the lowest tier of models whose price grows with the context."""


def listed_price(model: str, base_url: str | None = None) -> Price | None:
    """Return the listed price of a model, `provider:name`; None if the list does not have it.

    With a `base_url`, the host there is the provider: the prefix of the name gives only the protocol.
    """
    from genai_prices import Usage, calc_price  # 0.3 s

    provider, _, name = model.partition(":")

    def usd(**tokens: int) -> float:
        used = Usage(**tokens)
        if base_url:
            found = calc_price(used, model_ref=name, provider_api_url=base_url)
        else:
            found = calc_price(used, model_ref=name, provider_id=provider)
        return round(float(found.total_price) / SAMPLE * MILLION, 6)

    try:
        read, written = usd(input_tokens=SAMPLE), usd(output_tokens=SAMPLE)
        cached = usd(input_tokens=SAMPLE, cache_read_tokens=SAMPLE)
        return Price(read, cached, written, usd(input_tokens=SAMPLE, cache_write_tokens=SAMPLE))
    except (LookupError, ValueError):
        return None
