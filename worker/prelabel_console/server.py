"""Serve a console until a signal comes."""

import socket
from collections.abc import Callable

import uvicorn

from prelabel import web_server
from prelabel_console.app import make_app
from prelabel_console.console import Console

_CLOSE_SECONDS = 2


def make_server(console: Console, started: Callable[[], None]) -> uvicorn.Server:
    """Return a server of a console; `started` is called once it answers."""
    return web_server.make_server(make_app(console), started, _CLOSE_SECONDS)


def serve(console: Console, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM, SIGINT or a closed terminal; `started` is called once it answers.

    Call it from the main thread.
    """
    web_server.serve(make_server(console, started), listening)
