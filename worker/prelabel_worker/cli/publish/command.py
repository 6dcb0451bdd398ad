"""`prelabel publish`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from prelabel import Publisher
from prelabel.readers import Record, Source
from prelabel_worker.cli.publish.predictions import Predictions, reading
from prelabel_worker.cli.publish.report import Reporting
from prelabel_worker.cli.publish.send import FLUSH_SECONDS, send
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.interrupts import ends_as_an_exception
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, RedisUrl, print_line, say
from prelabel_worker.settings import Settings

PublishAll = Callable[[Publisher, Source], tuple[int, int]]
"""Publishes all records of a source; returns how many were published, and how many refused."""


@reading
def publish(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of records that do not name one.")
    ] = None,
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each row of the file has its outcome.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="NDJSON file with what became of each row; the same command resumes from it.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="With --wait: maximum seconds to wait.", min=0)] = 600,
    retrying: Annotated[
        bool, typer.Option("--retrying/--no-retrying", help="With --wait: wait for retrying rows too.")
    ] = True,
    redis_url: RedisUrl = None,
) -> None:
    """Publish predictions from a file. Exit code 1 when records are refused; they are printed on standard error.

    With --wait: exit code 1 also when rows are dead letters, 3 when rows are still pending.

    Example: prelabel publish predictions.ndjson --project demo-project --wait --report report.ndjson
    """
    settings = settings_for(redis_url)
    if wait or report is not None:
        with Reporting(connect(settings), settings, report) as reporting:
            published, _ = _publish_file(settings, predictions, file, project, reporting.publish)
            reporting.finish(published, timeout if wait else None, retrying=retrying)
        return
    published, refused = _publish_file(settings, predictions, file, project, _publish_only)
    print_line(f"published {published}, refused {refused}")
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _publish_file(
    settings: Settings, predictions: Predictions, file: str, project: str | None, publish_all: PublishAll
) -> tuple[int, int]:
    """Publish the file; return how many records were published and how many refused."""
    left_out: dict[str, int] = {}
    with predictions.open(file, project, left_out) as source:
        connect(settings).close()
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        counts = publish_all(publisher, source)
    for why, count in left_out.items():
        say(f"left out: {count} {why}")
    return counts


def _publish_only(publisher: Publisher, source: Source) -> tuple[int, int]:
    def take(record: Record) -> None:
        publisher.publish(record.message)

    with ends_as_an_exception():  # so that the rows that were read are flushed, as at every end of Python
        return send(source, take, lambda: publisher.close(FLUSH_SECONDS))
