"""Who may ask the page's server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ouroloop.inspect.page.guard import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

TOKEN = "a-token-that-nobody-guesses"
HERE = "http://127.0.0.1:8000"


async def _said(request: Request) -> PlainTextResponse:
    return PlainTextResponse("secret")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", _said, methods=["GET", "POST", "DELETE"])])
    return TestClient(Guard(app, TOKEN, 8000), base_url=HERE, follow_redirects=False)


def entered(client: TestClient) -> TestClient:
    assert client.get(f"/?token={TOKEN}").status_code == 303
    return client


def test_a_token_becomes_a_cookie_that_scripts_cannot_read_and_leaves_the_address(client: TestClient) -> None:
    answer = client.get(f"/runs/a?token={TOKEN}&before=3")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/a?before=3")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert client.get("/runs/a").text == "secret"


def test_a_redirect_never_leads_elsewhere(client: TestClient) -> None:
    answer = client.get(f"//evil.example/x?token={TOKEN}")
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith("//")


@pytest.mark.parametrize("path", ["/", "/runs/a", "/static/page.js", "/?token=wrong", "/?token="])
def test_nobody_gets_in_without_the_token(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 403
    assert "secret" not in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1:8001", "127.0.0.1", "127.0.0.1:8000.evil.example"]
)
def test_a_forged_host_is_refused_even_with_the_token(client: TestClient, host: str) -> None:
    answer = entered(client).get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "secret" not in answer.text


def test_the_names_of_this_machine_are_taken() -> None:
    for host in ("localhost", "127.0.0.1"):
        app = Guard(Starlette(routes=[Route("/", _said)]), TOKEN, 8000)
        one = TestClient(app, base_url=f"http://{host}:8000", cookies={"ouroloop-8000": TOKEN})
        assert one.get("/").text == "secret"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": HERE, "sec-fetch-site": "cross-site"},
        {"origin": HERE, "sec-fetch-site": "same-site"},
    ],
)
def test_changes_are_taken_from_our_own_pages_only(client: TestClient, headers: dict[str, str]) -> None:
    answer = entered(client).post("/", data={"reason": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_our_own_pages_may_change_things_but_not_at_any_length(client: TestClient) -> None:
    mine = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert entered(client).post("/", data={"reason": "x"}, headers=mine).text == "secret"
    assert client.post("/", data={"reason": "x" * 70_000}, headers=mine).status_code == 413
    assert client.post("/", content=iter([b"x"]), headers=mine).status_code == 413  # no length is given


def test_other_methods_are_refused(client: TestClient) -> None:
    assert entered(client).delete("/").status_code == 405


def test_every_answer_holds_the_policy(client: TestClient) -> None:
    for answer in (client.get("/"), entered(client).get("/"), client.get("/", headers={"host": "x"})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
