"""An endpoint on loopback whose script each test writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.chat.scripted import Endpoint


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Serve, without a key in the environment."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Endpoint() as server:
        yield server
