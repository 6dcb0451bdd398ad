"""`prelabel publish`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from prelabel import MessageError, Publisher, RedisUnavailable
from prelabel.readers import BadRecord, Record, Source, UnreadableSource
from prelabel.readers.ndjson import LineRecord
from prelabel_worker.cli.common import DONE_WITH_DEAD, RedisUrl, ServiceAway, connect, say, settings_for
from prelabel_worker.cli.predictions import Predictions, reading

_SHOWN = 20
_FLUSH_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish")(publish)


@reading
def publish(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of records that name none.")
    ] = None,
    predictions: Predictions = Predictions(),  # noqa: B008 - frozen; `reading` gives the real one
    redis_url: RedisUrl = None,
) -> None:
    """Publish predictions from a file. Refused records are named on standard error and leave exit code 1.

    Example: prelabel publish predictions.ndjson --project demo-project
    """
    settings = settings_for(redis_url)
    left_out: dict[str, int] = {}
    with predictions.open(file, project, left_out) as source:
        connect(settings).close()
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        published, refused = _publish(publisher, source)
    for why, count in left_out.items():
        say(f"left out: {count} {why}")
    print(f"published {published}, refused {refused}")  # noqa: T201
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _publish(publisher: Publisher, source: Source) -> tuple[int, int]:
    published = refused = 0
    try:
        with _progress() as advance:
            for where, problem in _each(publisher, source):
                if problem is None:
                    published += 1
                    advance(published)
                    continue
                refused += 1
                if refused <= _SHOWN:
                    say(f"{where}: {problem}")
        publisher.close(_FLUSH_SECONDS)
    except RedisUnavailable as error:
        raise ServiceAway(str(error)) from None
    if refused > _SHOWN:
        say(f"… and {refused - _SHOWN} more")
    return published, refused


def _each(publisher: Publisher, source: Source) -> Iterator[tuple[str, str | None]]:
    """Where each record stands and, where it was not published, why. Raises UnreadableSource before any was."""
    begun = False
    try:
        for record in source:
            begun = True
            if isinstance(record, BadRecord):
                yield record.where, record.problem
            else:
                yield _tried(publisher, record)
    except UnreadableSource as error:
        if not begun:
            raise
        yield "nothing more was read", str(error)


def _tried(publisher: Publisher, record: Record) -> tuple[str, str | None]:
    """Publish a record: where it stands and why it was refused, if it was."""
    where = record.where
    try:
        publisher.publish(record.message)
    except MessageError as refusal:
        error = refusal
        if isinstance(record, LineRecord):
            number, error = record.locate(refusal)
            where = f"line {number}" if error.path else where
        return where, f"{error} [{error.reason.value}]"
    return where, None


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    with Progress(
        SpinnerColumn(), TextColumn("{task.completed:,.0f} published"), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda count: progress.update(task, completed=count) if count % 500 == 0 else None
