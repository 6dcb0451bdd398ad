"""`prelabel metrics`: serve what `status` and the numbers by time say to Prometheus, read at each scrape."""

import socket
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import Annotated, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import redis
import typer
from prometheus_client import CollectorRegistry, Metric, generate_latest, make_wsgi_app
from prometheus_client.registry import Collector

from prelabel.wire.client import Client
from prelabel_worker import logs
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.terminal import RedisUrl, print_lines, say, usage
from prelabel_worker.labelbox.endpoint import is_this_machine
from prelabel_worker.notify.duty import duty_of
from prelabel_worker.queries import metrics as catalogue
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.queries.redis_memory import memory_of_servers
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings


def metrics(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    once: Annotated[
        bool, typer.Option("--once", help="Print the metrics and end, for example for a file collector.")
    ] = False,
    redis_url: RedisUrl = None,
) -> None:
    """Serve metrics for Prometheus at http://HOST:PORT/metrics: rows, chunks, dead letters, accounts, workers.

    One such process is enough, on any host that reaches Redis; workers serve no metrics. It listens on this machine
    only, unless --host says otherwise, and then answers only requests to this machine's own names, so that no web page
    can read it through a browser. With --host 0.0.0.0, everybody who reaches the port can read the names of projects.

    Example: prelabel metrics --once
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    registry = CollectorRegistry()
    registry.register(scrape_of(client, settings))
    if once:
        print_lines(generate_latest(registry).decode().rstrip("\n"))
        return
    app = make_wsgi_app(registry)
    server_class = _Server6 if ":" in host else _Server
    try:
        server = make_server(host, port, _local_only(app) if is_this_machine(host) else app, server_class, _Silent)
    except OSError as error:
        usage(f"cannot listen on {host}:{port}: {error.strerror}")
    logs.set_up(settings)
    if notify := duty_of(settings, lambda: client):
        notify.start()  # so that somebody is told when no worker is left
    say(f"metrics at http://{f'[{host}]' if ':' in host else host}:{port}/metrics")
    with server:
        server.serve_forever()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log no request."""


_App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _local_only(app: _App) -> _App:
    """Return the application that refuses requests to another name than one of this machine, as from a web page."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if is_this_machine(_name_in(environ.get("HTTP_HOST", ""))):
            return app(environ, start_response)
        start_response("421 Misdirected Request", [("Content-Type", "text/plain")])
        return [b"expected localhost or a loopback address as host; prelabel metrics --host listens elsewhere\n"]

    return answer


def _name_in(host: str) -> str:
    """Return the name in a Host header, without its port; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def scrape_of(client: Client, settings: Settings) -> "Scrape":
    """Return a collector of the metrics of this Redis."""
    prefix = settings.key_prefix
    return Scrape(client, Inspector(client, prefix), Accounts(client, settings), FlowReader(client, prefix))


class Scrape(Collector):
    """Reads everything at each scrape; reports it as a metric when Redis does not answer."""

    def __init__(self, client: Client, inspector: Inspector, accounts: Accounts, flow: FlowReader) -> None:
        self._client = client
        self._inspector = inspector
        self._accounts = accounts
        self._flow = flow

    def describe(self) -> list[Metric]:
        """Return no metrics in advance, since registering must not need Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, or only the one that says that Redis does not answer."""
        try:
            survey, accounts = self._inspector.survey(), self._accounts.all()
            workers = self._inspector.workers()
            flow = self._flow.totals([project.project_id for project in survey.projects])
            requests = self._flow.request_totals([account.name for account in accounts])
            memory = memory_of_servers(self._client)
        except redis.RedisError:
            yield catalogue.of_redis(answers=False)
            return
        yield catalogue.of_redis(answers=True)
        yield catalogue.of_memory(memory)
        yield from catalogue.of_projects(survey.projects)
        yield from catalogue.of_flow(flow)
        yield from catalogue.of_quarantine(survey)
        yield from catalogue.of_accounts(accounts)
        yield from catalogue.of_requests(requests)
        yield from catalogue.of_workers(workers)
