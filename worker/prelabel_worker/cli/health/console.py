"""`prelabel console`: serve the operators' web pages."""

import secrets
from importlib.util import find_spec
from typing import Annotated

import typer

from prelabel.wire.client import open_client
from prelabel_worker import logs
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.terminal import RedisUrl, print_line, say, usage
from prelabel_worker.labelbox.endpoint import is_this_machine
from prelabel_worker.notify.duty import duty_of
from prelabel_worker.operations.action_log import user
from prelabel_worker.settings import Settings

_SHORTEST_TOKEN = 16
_SOCKET_SECONDS = 10.0


def console(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65_535)] = 8980,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(help="A token that lets its holder do everything; other users of this machine can read it."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host name at which browsers reach it, such as a proxy's; repeatable."),
    ] = None,
    redis_url: RedisUrl = None,
) -> None:
    """Serve web pages that show what happens to rows, and on which operators act.

    It works with any Redis that has rows, also while that is away, and needs no broker. PRELABEL_CONSOLE_TOKENS says
    who may use it. Without that and without --token, it makes a token that lets its holder do everything, and prints an
    address with it. It listens on this machine only, unless --host says otherwise.

    Example: prelabel console --port 8980
    """
    if any(find_spec(name) is None for name in ("starlette", "jinja2", "uvicorn")):
        usage("the console needs its extra: pip install 'prelabel[console]'")
    if token is not None and len(token) < _SHORTEST_TOKEN:
        usage(f"--token: expected at least {_SHORTEST_TOKEN} characters, best random ones; leave it out to get one")
    settings = settings_for(redis_url)
    logs.set_up(settings)
    _serve(settings, host, port, token, allowed_host or [])


def _serve(settings: Settings, host: str, port: int, token: str | None, allowed: list[str]) -> None:
    from prelabel import web_server  # with its extra, which other commands do not need
    from prelabel_console import server, start

    made = None
    if token is None and not settings.console_tokens and not settings.console_proxy_header:
        token = made = secrets.token_urlsafe(24)
    access = start.access_of(settings, host, allowed, {user(): token} if token else {})
    listening = web_server.listen(host, port)
    address = web_server.address_of(listening, host)

    def started() -> None:
        if notify := duty_of(settings, lambda: open_client(settings.state, _SOCKET_SECONDS)):
            notify.start()  # so that somebody is told when no worker is left
        print_line(f"console at {address}/{f'?token={made}' if made else ''}")
        if not is_this_machine(host):
            say("it answers other machines: put a proxy with TLS in front of it, since the token travels in clear")

    server.serve(start.open_console(settings, access), listening, started)
