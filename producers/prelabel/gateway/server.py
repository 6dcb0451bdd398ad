"""Make a gateway, and serve it until a signal comes."""

import socket
from collections.abc import Callable

from prelabel.access_tokens import Tokens
from prelabel.gateway.app import make_app
from prelabel.gateway.gateway import Gateway
from prelabel.gateway.publisher import GatewayPublisher
from prelabel.gateway.settings import Settings
from prelabel.web_server import make_server, serve

_ANSWER_SECONDS = 15
_CONNECTIONS = 1000


def open_gateway(settings: Settings, tokens: Tokens[str]) -> Gateway:
    """Return a gateway; Redis need not answer yet.

    Raises what `Publisher` does: NoRedisUrl, ValueError for an option with a wrong value, OSError for the spool.
    """
    publisher = GatewayPublisher(
        settings.redis_url,
        key_prefix=settings.key_prefix,
        durability=settings.durability,
        spool_dir=settings.spool_dir,
        spool_bytes=settings.spool_bytes,
        max_rows=settings.buffer_rows,
        block_seconds=settings.limits.answer_seconds,
    )
    return Gateway(settings, tokens, publisher)


def serve_gateway(gateway: Gateway, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM, SIGINT or a closed terminal; `started` is called once it answers.

    Rows that neither Redis nor the disk has at the end are lost: `gateway.lost` says so then.
    """
    serve(make_server(make_app(gateway), started, _ANSWER_SECONDS, _CONNECTIONS), listening)
