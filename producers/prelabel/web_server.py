"""Serve an ASGI application until a signal comes: the console and the gateway. Needs the extra of either."""

import ipaddress
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from prelabel.errors import PrelabelError

_IDLE_SECONDS = 75


class CannotListen(PrelabelError):
    """The address or the port cannot be used."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 picks a free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's delay (40 ms an answer) only on a socket that was opened as TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """Return the address at which a program on this machine reaches the server."""
    try:
        every = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        every = False
    name = ("::1" if ":" in host else "127.0.0.1") if every else host
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Calls `started` as soon as it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then tell."""
        await super().startup(sockets)
        self._tell()


def make_server(app: Any, started: Callable[[], None], close_seconds: int, connections: int = 0) -> uvicorn.Server:
    """Return a server of an application; `started` is called once it answers.

    When it ends, requests get `close_seconds` for their answers. With `connections`, it answers 503 beyond so many.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever checks a sender decides by the true address
        limit_concurrency=connections or None,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=close_seconds,
    )
    return _Server(config, started)


def serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until SIGTERM, SIGINT or a closed terminal. Call it from the main thread."""
    # uvicorn stops on the first two and raises them again once it has shut down: then the process ends as it should.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as by nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    server.run(sockets=[listening])
