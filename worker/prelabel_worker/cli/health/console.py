"""`prelabel console`: serve the operators' web pages."""

from importlib.util import find_spec
from typing import Annotated

import typer

from prelabel.access_tokens import new_token
from prelabel.wire.client import open_client
from prelabel_worker import logs
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.http_server import check_token_option, warn_of_other_machines
from prelabel_worker.cli.shared.terminal import RedisUrl, print_line, usage
from prelabel_worker.notify.duty import duty_of
from prelabel_worker.operations.action_log import user
from prelabel_worker.settings import Settings

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
    check_token_option(token)
    settings = settings_for(redis_url)
    logs.set_up(settings)
    _serve(settings, host, port, token, allowed_host or [])


def _serve(settings: Settings, host: str, port: int, token: str | None, allowed: list[str]) -> None:
    from prelabel import web_server  # with its extra, which other commands do not need
    from prelabel_console import server, start

    made = None
    if token is None and not settings.console_tokens and not settings.console_proxy_header:
        token = made = new_token()
    access = start.access_of(settings, host, allowed, {user(): token} if token else {})
    listening = web_server.listen(host, port)
    address = web_server.address_of(listening, host)

    def started() -> None:
        if notify := duty_of(settings, lambda: open_client(settings.state, _SOCKET_SECONDS)):
            notify.start()  # so that somebody is told when no worker is left
        print_line(f"console at {address}/{f'?token={made}' if made else ''}")
        warn_of_other_machines(host)

    server.serve(start.open_console(settings, access), listening, started)
