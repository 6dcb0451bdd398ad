"""Send the records of a file to Redis, print the first refused ones, and show progress on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn

from prelabel import MessageError, RedisUnavailable
from prelabel.printing import and_more
from prelabel.readers import BadRecord, Record, Source
from prelabel.readers.ndjson import LineRecord
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import ServiceAway, say

FLUSH_SECONDS = 60.0
_SHOWN = 20

Take = Callable[[Record], None]
"""Takes a record, or raises MessageError."""
Refused = Callable[[str, str], None]
"""Receives where a refused record stands, and why it was refused."""


def send(source: Source, take: Take, finish: Callable[[], None], refused: Refused | None = None) -> tuple[int, int]:
    """Take every record, then finish; return how many were taken and refused. Raises ServiceAway."""
    published = refusals = 0
    try:
        with _progress() as advance:
            for where, problem in _results(source, take):
                if problem is None:
                    published += 1
                    advance(published)
                    continue
                refusals += 1
                if refused is not None:
                    refused(where, problem)
                if refusals <= _SHOWN:
                    say(f"{where}: {problem}")
        finish()
    except RedisUnavailable as error:
        raise ServiceAway(str(error)) from None
    for line in and_more(refusals, _SHOWN):
        say(line)
    return published, refusals


def _results(source: Source, take: Take) -> Iterator[tuple[str, str | None]]:
    """Yield where each record stands, and why it was refused or None. Raises UnreadableInput before the first."""
    for record in source:
        if isinstance(record, BadRecord):
            yield record.where, record.problem
        else:
            yield _tried(take, record)


def _tried(take: Take, record: Record) -> tuple[str, str | None]:
    """Take a record; return where it stands, and why it was refused or None."""
    where = record.where
    try:
        take(record)
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
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} published"),
        transient=True,
        console=console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda count: progress.update(task, completed=count) if count % 500 == 0 else None
