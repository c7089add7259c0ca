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
    return PlainTextResponse(f"secret of {request.path_params['path']}")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", _said, methods=["GET", "POST", "DELETE"])])
    return TestClient(Guard(app, TOKEN, 8000), base_url=HERE, follow_redirects=False)


def test_the_app_sees_addresses_without_the_token(client: TestClient) -> None:
    assert client.get(f"/{TOKEN}/runs/a").text == "secret of runs/a"
    assert client.get(f"/{TOKEN}/").text == client.get(f"/{TOKEN}").text == "secret of "


def test_there_is_no_cookie_that_another_port_could_get(client: TestClient) -> None:
    assert "set-cookie" not in client.get(f"/{TOKEN}/").headers


@pytest.mark.parametrize(
    "path",
    ["/", "/runs/a", "/static/page.js", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/", f"//{TOKEN}/", f"/x/{TOKEN}/", f"/?token={TOKEN}"],
)
def test_nobody_gets_in_without_the_token(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 403
    assert "secret" not in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1:8001", "127.0.0.1", "127.0.0.1:8000.evil.example"]
)
def test_a_forged_host_is_refused_even_with_the_token(client: TestClient, host: str) -> None:
    answer = client.get(f"/{TOKEN}/", headers={"host": host})
    assert answer.status_code == 421
    assert "secret" not in answer.text


def test_the_names_of_this_machine_are_taken(client: TestClient) -> None:
    for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get(f"/{TOKEN}/", headers={"host": host}).text == "secret of "


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
    answer = client.post(f"/{TOKEN}/", data={"reason": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_our_own_pages_may_change_things_but_not_at_any_length(client: TestClient) -> None:
    mine = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert client.post(f"/{TOKEN}/x", data={"reason": "x"}, headers=mine).text == "secret of x"
    assert client.post(f"/{TOKEN}/", data={"reason": "x" * 70_000}, headers=mine).status_code == 413
    assert client.post(f"/{TOKEN}/", content=iter([b"x"]), headers=mine).status_code == 413  # no length is given


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.delete(f"/{TOKEN}/").status_code == 405


def test_endless_addresses_are_refused(client: TestClient) -> None:
    assert client.get(f"/{TOKEN}/{'9' * 5000}").status_code == 414


def test_every_answer_holds_the_policy(client: TestClient) -> None:
    for answer in (client.get("/"), client.get(f"/{TOKEN}/"), client.get("/", headers={"host": "x"})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
