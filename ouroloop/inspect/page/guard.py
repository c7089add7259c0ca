"""Who may ask the page's server, and what its answers may do in a browser.

The server listens on a loopback address, but every page in the same browser can send requests there. So each request must
name our own address (DNS rebinding), carry the token as a cookie, and, if it changes anything, come from our own page (forgery
across sites). By the content security policy of every answer, nothing is loaded from elsewhere and no script stands in a page.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self' data:",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of every answer."""
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none at all, browsers leave out the origin of forms as well
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
METHODS: Final = ("GET", "HEAD", "POST")
MOST_BODY: Final = 65_536
"""The most bytes of a form."""


class Guard:
    """Lets requests through to the app, or refuses them."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Iterable[str] = ("127.0.0.1", "localhost", "[::1]")) -> None:
        """Guard an app.

        Args:
            app: answers what is let through.
            token: the secret in the address that the user opens.
            port: of the server.
            hosts: the names under which it may be asked.
        """
        self._app, self._token, self._cookie = app, token, f"ouroloop-{port}"
        self._hosts = {f"{host}:{port}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope)
        if refused is not None:
            await PlainTextResponse(refused[1] + "\n", refused[0])(scope, receive, send)
        elif (given := _query(scope).get("token")) is not None:
            await self._enter(given, scope, receive, send)
        elif not self._same(self._token_of(scope)):
            said = "open the address that `ouroloop ui` printed: it holds the token of this server"
            await PlainTextResponse(said + "\n", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a request is refused whoever sends it, with the status; None if it is not."""
        hosts = _all(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, f"this server answers as {sorted(self._hosts)[0]} only"
        if scope["method"] not in METHODS:
            return 405, "only GET, HEAD and POST are answered"
        if scope["method"] == "POST":
            if _all(scope, b"origin") != [f"http://{hosts[0]}"] or _all(scope, b"sec-fetch-site") not in ([], ["same-origin"]):
                return 403, "changes are taken from this server's own pages only"
            length = _all(scope, b"content-length")
            if len(length) != 1 or not length[0].isdigit() or int(length[0]) > MOST_BODY:
                return 413, f"a form has at most {MOST_BODY} bytes, and says how many"
        return None

    async def _enter(self, given: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the token into a cookie and go on without it, so that it stays out of bookmarks and links."""
        if not self._same(given):
            await PlainTextResponse("this token is not this server's: take the address that it printed\n", 403)(
                scope, receive, send
            )
            return
        left = urlencode([(name, value) for name, value in _pairs(scope) if name != "token"])
        path = "/" + scope["path"].lstrip("/\\")  # two slashes would lead to another host
        answer = RedirectResponse(path + (f"?{left}" if left else ""), 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        await answer(scope, receive, send)

    def _token_of(self, scope: Scope) -> str:
        try:
            found = SimpleCookie("; ".join(_all(scope, b"cookie"))).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value) for name, value in message.get("headers", []) if name.decode("latin-1").lower() not in HEADERS
            ]
            message["headers"] = kept + [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await send(message)

    return sent


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _query(scope: Scope) -> dict[str, str]:
    return dict(_pairs(scope))
