"""`prelabel metrics`: serve what `status` shows to Prometheus. It is read at each scrape and stored nowhere."""

from collections.abc import Iterator
from typing import Annotated

import redis
import typer
from prometheus_client import CollectorRegistry, Metric, generate_latest, start_http_server
from prometheus_client.registry import Collector

from prelabel_worker.accounts.status import Accounts
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.terminal import RedisUrl, print_line, say, usage
from prelabel_worker.queries import metrics as catalogue
from prelabel_worker.queries.status import Inspector


def metrics(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    once: Annotated[
        bool, typer.Option("--once", help="Print the metrics and end, for example for a file collector.")
    ] = False,
    redis_url: RedisUrl = None,
) -> None:
    """Serve metrics for Prometheus at http://HOST:PORT/metrics: rows, chunks, dead letters, accounts, workers.

    One such process is enough, on any host that reaches Redis; workers serve no metrics.

    Example: prelabel metrics --once
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    registry = CollectorRegistry()
    registry.register(Scrape(Inspector(client, settings.key_prefix), Accounts(client, settings)))
    if once:
        for line in generate_latest(registry).decode().rstrip("\n").split("\n"):
            print_line(line)
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        usage(f"cannot listen on {host}:{port}: {error.strerror}")
    say(f"metrics at http://{host}:{port}/metrics")
    try:
        thread.join()
    finally:
        server.server_close()


class Scrape(Collector):
    """Reads everything at each scrape; reports it as a metric when Redis does not answer."""

    def __init__(self, inspector: Inspector, accounts: Accounts) -> None:
        self._inspector = inspector
        self._accounts = accounts

    def describe(self) -> list[Metric]:
        """Return no metrics in advance, since registering must not need Redis."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, or only the one that says that Redis does not answer."""
        try:
            survey, accounts = self._inspector.survey(), self._accounts.all()
            workers = self._inspector.workers()
        except redis.RedisError:
            yield catalogue.of_redis(answers=False)
            return
        yield catalogue.of_redis(answers=True)
        yield from catalogue.of_projects(survey.projects)
        yield from catalogue.of_quarantine(survey)
        yield from catalogue.of_accounts(accounts)
        yield from catalogue.of_workers(workers)
