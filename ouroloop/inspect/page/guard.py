"""Who may ask the page's server, and what its answers may do in a browser.

The server listens on a loopback address, but every page in the same browser, and every user of the machine, can send requests
there. So all addresses begin with a token that nobody else knows: cookies would go to every port of the host. Each request must
also name our own address (DNS rebinding) and, if it changes anything, come from our own page (forgery across sites). By the
content security policy of every answer, nothing is loaded from elsewhere and no script stands in a page.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse

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
MOST_PATH: Final = 2000
MOST_BODY: Final = 65_536
"""The most bytes of a form."""


class Guard:
    """Lets requests through to the app, or refuses them."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Iterable[str] = ("127.0.0.1", "localhost", "[::1]")) -> None:
        """Guard an app.

        Args:
            app: answers what is let through; it sees addresses without the token.
            token: the secret with which every address begins, as `prefix` gives it.
            port: of the server.
            hosts: the names under which it may be asked.
        """
        self._app, self._prefix = app, prefix(token)
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
        else:
            await self._app({**scope, "path": scope["path"][len(self._prefix) :] or "/", "raw_path": None}, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a request is refused, with the status; None if it is not."""
        hosts = _all(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, f"this server answers as {sorted(self._hosts)[0]} only"
        if scope["method"] not in METHODS:
            return 405, "only GET, HEAD and POST are answered"
        if len(scope["path"]) > MOST_PATH:
            return 414, f"an address has at most {MOST_PATH} characters"
        if not hmac.compare_digest(f"{scope['path']}/"[: len(self._prefix) + 1].encode(), f"{self._prefix}/".encode()):
            return 403, "open the address that `ouroloop ui` printed: it holds the token of this server"
        if scope["method"] == "POST":
            if _all(scope, b"origin") != [f"http://{hosts[0]}"] or _all(scope, b"sec-fetch-site") not in ([], ["same-origin"]):
                return 403, "changes are taken from this server's own pages only"
            length = _all(scope, b"content-length")
            if len(length) != 1 or not length[0].isdigit() or int(length[0][:12]) > MOST_BODY:
                return 413, f"a form has at most {MOST_BODY} bytes, and says how many"
        return None


def prefix(token: str) -> str:
    """Return what every address begins with."""
    return f"/{token}"


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
