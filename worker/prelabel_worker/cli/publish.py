"""`prelabel publish`."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from prelabel import MessageError, Publisher, RedisUnavailable
from prelabel.readers import (
    FORMATS,
    BadRecord,
    ClassMapping,
    ReaderOptions,
    Record,
    Source,
    UnreadableSource,
    read_mapping,
)
from prelabel.readers.messages import read_messages
from prelabel.readers.ndjson import Form, LineOptions, LineRecord, read_lines
from prelabel_worker.cli.common import DONE_WITH_DEAD, RedisUrl, ServiceAway, connect, opened, say, settings_for, usage

_SHOWN = 20
_FLUSH_SECONDS = 60.0
_AUTO, _MESSAGES, _NDJSON = "auto", "messages", "ndjson"
_FORMATS = (_AUTO, _MESSAGES, _NDJSON, *FORMATS)


class Media(StrEnum):
    """What the data rows are."""

    AUDIO = "audio"
    VIDEO = "video"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish")(publish)


def publish(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project of records that name none.")
    ] = None,
    format: Annotated[  # noqa: A002
        str,
        typer.Option(
            metavar="FORMAT",
            help=f"What the file holds: {', '.join(_FORMATS)}. auto: messages or Labelbox NDJSON, by its first line.",
        ),
    ] = _AUTO,
    mapping: Annotated[Path | None, typer.Option(help="mapping.toml: classes to features, confidence, sample.")] = None,
    global_key: Annotated[str | None, typer.Option(help="How a data row's global key is made.")] = None,
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None,
    categories: Annotated[Path | None, typer.Option(help="coco-…, mot: the file of categories.")] = None,
    images: Annotated[Path | None, typer.Option(help="coco-…: the file with sizes and names of images.")] = None,
    masks: Annotated[Path | None, typer.Option(help="coco-panoptic: the folder of PNG files.")] = None,
    mask_url: Annotated[str | None, typer.Option(help="coco-panoptic: where Labelbox finds a PNG file.")] = None,
    media: Annotated[Media | None, typer.Option(help="rttm: what the data rows are.")] = None,
    frame_rate: Annotated[float | None, typer.Option(min=0.001, help="Frames a second of the video.")] = None,
    frame_step: Annotated[int | None, typer.Option(min=1, help="mot: the tracker saw every Nth frame.")] = None,
    redis_url: RedisUrl = None,
) -> None:
    """Publish predictions from a file. Refused records are named on standard error and leave exit code 1.

    Example: prelabel publish predictions.ndjson --project demo-project
    """
    settings = settings_for(redis_url)
    special = {
        "categories": categories, "images": images, "masks": masks, "mask_url": mask_url, "media": media,
        "frame_rate": frame_rate, "frame_step": frame_step,
    }  # fmt: skip
    given: dict[str, Any] = {name: value for name, value in special.items() if value is not None}
    _check_given(format, given | {"mapping": mapping, "global_key": global_key, "model": model})
    chosen = read_mapping(mapping) if mapping else ClassMapping()
    options = ReaderOptions(project or "", model, global_key, chosen, **given)
    with _source(file, format, project, options) as source:
        connect(settings).close()
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        published, refused = _publish(publisher, source)
    for why, count in chosen.left_out.items():
        say(f"left out: {count} {why}")
    print(f"published {published}, refused {refused}")  # noqa: T201
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _check_given(form: str, given: Mapping[str, Any]) -> None:
    """Refuse an option that the format would not look at: it would seem to be in effect."""
    if form not in _FORMATS:
        usage(f"--format {form}: expected one of {', '.join(_FORMATS)}")
    if form in FORMATS:
        takes = FORMATS[form].takes | {"mapping", "global_key", "model"}
    else:
        takes = frozenset() if form == _MESSAGES else frozenset({"model"})
    for name, value in given.items():
        if value is not None and name not in takes:
            usage(f"--{name.replace('_', '-')} means nothing to --format {form}")


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
def _source(file: str, form: str, project: str | None, options: ReaderOptions) -> Iterator[Source]:
    if form in FORMATS:
        if project is None or file == "-":
            usage(f"{form} needs a FILE and --project")
        yield FORMATS[form].read(Path(file), options)
        return
    if form == _NDJSON and project is None:
        usage("ndjson needs --project: plain lines name none")
    with opened(file) as stream:
        if form == _MESSAGES:
            yield read_messages(stream, project)
        else:
            yield read_lines(stream, LineOptions(project, options.model, Form.NDJSON if form == _NDJSON else None))


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    with Progress(
        SpinnerColumn(), TextColumn("{task.completed:,.0f} published"), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda count: progress.update(task, completed=count) if count % 500 == 0 else None
