"""`prelabel publish`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from prelabel import MessageError, Publisher, RedisUnavailable
from prelabel.readers import BadRecord, Record, Source
from prelabel.readers.coco_results import CocoOptions, read_categories, read_coco_results
from prelabel.readers.messages import read_messages
from prelabel.readers.ndjson import Form, LineOptions, LineRecord, read_lines
from prelabel_worker.cli.common import DONE_WITH_DEAD, RedisUrl, ServiceAway, connect, opened, say, settings_for, usage

_SHOWN = 20
_FLUSH_SECONDS = 60.0


class Format(StrEnum):
    """What the file holds."""

    AUTO = "auto"
    MESSAGES = "messages"
    NDJSON = "ndjson"
    COCO_RESULTS = "coco-results"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish")(publish)


def publish(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of messages that name none, and of plain lines.")
    ] = None,
    format: Annotated[  # noqa: A002
        Format, typer.Option(help="What the file holds; auto: messages or Labelbox NDJSON, by its first line.")
    ] = Format.AUTO,
    categories: Annotated[Path | None, typer.Option(help="coco-results: the file of categories.")] = None,
    global_key: Annotated[str, typer.Option(help="coco-results: how an image's global key is made.")] = "{image_id}",
    model: Annotated[str | None, typer.Option(help="ndjson, coco-results: the model's name.")] = None,
    redis_url: RedisUrl = None,
) -> None:
    """Publish predictions from a file. Refused records are named on standard error and leave exit code 1.

    Example: prelabel publish predictions.ndjson --project demo-project
    """
    settings = settings_for(redis_url)
    with _source(file, format, project, categories, global_key, model) as source:
        connect(settings).close()
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        published, refused = _publish(publisher, source)
    print(f"published {published}, refused {refused}")  # noqa: T201
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _publish(publisher: Publisher, source: Source) -> tuple[int, int]:
    published = refused = 0
    try:
        with _progress() as advance:
            for record in source:
                where, problem = record.where, record.problem if isinstance(record, BadRecord) else None
                if not isinstance(record, BadRecord):
                    try:
                        publisher.publish(record.message)
                        published += 1
                        advance(published)
                    except MessageError as error:
                        where, problem = _located(record, error)
                if problem is not None:
                    refused += 1
                    if refused <= _SHOWN:
                        say(f"{where}: {problem}")
        publisher.close(_FLUSH_SECONDS)
    except RedisUnavailable as error:
        raise ServiceAway(str(error)) from None
    if refused > _SHOWN:
        say(f"… and {refused - _SHOWN} more")
    return published, refused


def _located(record: Record, error: MessageError) -> tuple[str, str]:
    """Where and what, for a person."""
    where = record.where
    if isinstance(record, LineRecord):
        number, error = record.locate(error)
        where = f"line {number}" if error.path else where
    return where, f"{error} [{error.reason.value}]"


@contextmanager
def _source(
    file: str,
    form: Format,
    project: str | None,
    categories: Path | None,
    global_key: str,
    model: str | None,
) -> Iterator[Source]:
    if form is Format.COCO_RESULTS:
        if project is None or categories is None or file == "-":
            usage("coco-results needs a FILE, --project and --categories")
        if "{image_id" not in global_key:
            usage("--global-key: expected a template with {image_id}: every image needs a key of its own")
        options = CocoOptions(project, global_key, model)
        yield read_coco_results(Path(file), read_categories(categories), options)
        return
    if form is Format.NDJSON and project is None:
        usage("ndjson needs --project: plain lines name none")
    with opened(file) as stream:
        if form is Format.MESSAGES:
            yield read_messages(stream, project)
        else:
            yield read_lines(stream, LineOptions(project, model, Form.NDJSON if form is Format.NDJSON else None))


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    with Progress(
        SpinnerColumn(), TextColumn("{task.completed:,.0f} published"), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda count: progress.update(task, completed=count) if count % 500 == 0 else None
