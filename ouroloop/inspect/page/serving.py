"""Runs the page's server on a loopback port until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ouroloop.inspect.page.app import Pages
from ouroloop.inspect.page.guard import Guard, prefix
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ouroloop.inspect.page.shelf import Shelf

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 2
"""How long open connections may take to end after Ctrl-C."""


def serve(shelf: Shelf, port: int, tell: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        shelf: what is shown.
        port: to listen on; 0 for any that is free.
        tell: is given the address to open, with its token, once the server listens.

    Raises:
        SurroundingsError: the port is taken.
    """
    import uvicorn

    with closing(listening(port)) as listener:
        port, token = listener.getsockname()[1], secrets.token_urlsafe(24)
        pages = Pages(shelf, prefix=prefix(token))
        settings = uvicorn.Config(
            Guard(pages.app(), token, port),
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            lifespan="off",
            timeout_graceful_shutdown=PATIENCE_S,
        )
        tell(f"http://{HOST}:{port}{prefix(token)}/")
        try:
            uvicorn.Server(settings).run(sockets=[listener])
        finally:
            pages.reading.close()


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a loopback port. Raises SurroundingsError if it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SurroundingsError(
            f"port {port} cannot be used ({error}): choose another --port, or 0 for any that is free"
        ) from None
    return listener
