"""`prelabel publish`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer

from prelabel import Publisher
from prelabel.printing import counted
from prelabel.readers import Record, Source, UnreadableInput
from prelabel.validation.gate import prepare
from prelabel_worker.cli.publish.predictions import Predictions, reading, say_left_out
from prelabel_worker.cli.publish.report import Reporting
from prelabel_worker.cli.publish.send import FLUSH_SECONDS, FirstRefusals, Refused, send
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.interrupts import ends_as_an_exception
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, AsJson, RedisUrl, out, print_line, usage
from prelabel_worker.settings import Settings

_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 400
"""How many messages `--dry-run` shows, and how much of each."""
PublishAll = Callable[[Publisher, Source], tuple[int, int]]
"""Publishes all records of a source; returns how many were published, and how many refused."""


@reading
def publish(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file, perhaps packed with gzip, or - for standard input.")
    ],
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
    as_json: AsJson = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing: say what would be published or refused. Needs no Redis.")
    ] = False,
    redis_url: RedisUrl = None,
) -> None:
    """Publish predictions from a file. Exit code 1 when records are refused; they are printed on standard error.

    With --wait: exit code 1 also when rows are dead letters, 3 when rows are still pending. With --dry-run: the exit
    code that publishing would have; `prelabel validate` also checks against an ontology.

    Example: prelabel publish predictions.ndjson --project demo-project --wait --report report.ndjson
    """
    if dry_run:
        if wait or report is not None:
            usage("--dry-run publishes nothing: leave out --wait and --report")
        _try_file(predictions, file, project, as_json=as_json)
        return
    settings = settings_for(redis_url)
    if wait or report is not None:
        with Reporting(connect(settings), settings, report, file, project) as reporting:
            published, _ = _publish_file(settings, predictions, file, project, reporting.publish)
            reporting.finish(published, timeout if wait else None, retrying=retrying, as_json=as_json)
        return
    first = FirstRefusals()
    published, refused = _publish_file(settings, predictions, file, project, partial(_publish_only, refused=first))
    if as_json:
        out({"published": published, "refused": refused, "errors": first.as_json()})
    else:
        print_line(f"published {published}, refused {refused}")
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _publish_file(
    settings: Settings, predictions: Predictions, file: str, project: str | None, publish_all: PublishAll
) -> tuple[int, int]:
    """Publish the file; return how many records were published and how many refused."""
    left_out: dict[str, int] = {}
    with _opened(predictions, file, project, left_out) as source:
        connect(settings).close()
        publisher = Publisher(
            settings.redis_url.get_secret_value(), key_prefix=settings.key_prefix, durability=settings.durability
        )
        counts = publish_all(publisher, source)
    say_left_out(left_out)
    return counts


def _try_file(predictions: Predictions, file: str, project: str | None, *, as_json: bool) -> None:
    """Do all that publishing does before it needs Redis, and print what would be published."""
    left_out: dict[str, int] = {}
    messages: Counter[str] = Counter()
    annotations: defaultdict[str, Counter[str]] = defaultdict(Counter)
    first = FirstRefusals()
    examples: list[str] = []

    def take(record: Record) -> None:
        prepared = prepare(record.message)
        if len(examples) < _EXAMPLES:
            message = record.message
            examples.append((message if isinstance(message, bytes) else orjson.dumps(message)).decode())
        messages[prepared.project_id] += 1
        annotations[prepared.project_id].update(kind.name for kind in prepared.kinds)

    with _opened(predictions, file, project, left_out) as source:
        published, refused = send(source, take, lambda: None, first)
    say_left_out(left_out)
    if as_json:
        projects = [
            {"projectId": project_id, "messages": count, "annotations": dict(annotations[project_id].most_common())}
            for project_id, count in messages.items()
        ]
        counts = {"wouldPublish": published, "refused": refused, "projects": projects}
        out(counts | {"examples": list(map(_shortened, examples)), "errors": first.as_json()})
    else:
        print_line(f"would publish {published}, refuse {refused}; nothing was published")
        for project_id, count in messages.items():
            kinds = ", ".join(f"{name} {number:,}" for name, number in annotations[project_id].most_common())
            print_line(f"  {project_id}: {counted(count, 'message')}, annotations: {kinds or 'none'}")
        for example in examples:
            print_line(f"  such as {_shortened(example)}")
    if refused:
        raise typer.Exit(DONE_WITH_DEAD)


def _shortened(example: str) -> str:
    return example if len(example) <= _EXAMPLE_CHARACTERS else f"{example[:_EXAMPLE_CHARACTERS]}…"


@contextmanager
def _opened(predictions: Predictions, file: str, project: str | None, left_out: dict[str, int]) -> Iterator[Source]:
    """Open the file's records. Raises UnreadableInput, which says that nothing was published."""
    try:
        with predictions.open(file, project, left_out, routed=True) as source:
            yield source
    except UnreadableInput as error:
        raise UnreadableInput(f"{error}; nothing was published") from None


def _publish_only(publisher: Publisher, source: Source, refused: Refused) -> tuple[int, int]:
    def take(record: Record) -> None:
        publisher.publish(record.message)

    with ends_as_an_exception():  # so that the rows that were read are flushed, as at every end of Python
        return send(source, take, lambda: publisher.close(FLUSH_SECONDS), refused)
