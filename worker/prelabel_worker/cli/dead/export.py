"""`prelabel dead export`: write dead letters to a file, one a line, in constant memory."""

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO

import typer

from prelabel.printing import counted, one_line, printable
from prelabel.private_files import UnsafeFile, replacing
from prelabel_worker.cli.dead.filters import Choice, Store, filtered
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.interrupts import ends_as_an_exception
from prelabel_worker.cli.shared.terminal import NOTHING, USAGE, RedisUrl, json_text, say, usage
from prelabel_worker.dead_letters.csv_cells import neutralise
from prelabel_worker.dead_letters.letter import DeadLetter

COLUMNS = (
    "id", "projectId", "reason", "group", "path", "found", "expected", "hint", "dataRow", "model", "messageId", "stage",
    "import", "attempts", "firstAt", "lastAt",
)  # fmt: skip
Write = Callable[[DeadLetter], int]
"""Writes a dead letter; returns 1, or 0 when it leaves it out."""


class Format(StrEnum):
    """The format of the exported file."""

    NDJSON = "ndjson"
    CSV = "csv"


@filtered
def export(
    choice: Choice = Choice(),  # noqa: B008 - frozen; `filtered` gives the real one
    format: Annotated[Format, typer.Option(help="One JSON object a line, or a table.")] = Format.NDJSON,  # noqa: A002
    messages: Annotated[
        bool, typer.Option("--messages", help="With ndjson: only the original messages, for `prelabel publish`.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write; else standard output.")
    ] = None,
    redis_url: RedisUrl = None,
) -> None:
    """Write dead letters to a file, without changing them. Exit code 3 when nothing matches.

    Example: prelabel dead export --project demo-project --messages --output dead-letters.ndjson
    """
    if messages and format is Format.CSV:
        say("--messages goes with --format ndjson")
        raise typer.Exit(USAGE)
    store = Store(redis_url, choice.project)
    chosen = choice.filter_at(store.rows.now_ms())
    count, left_out, unreadable = 0, 0, ""
    with _opened(output) as file:
        write = _table(file) if format is Format.CSV else _messages(file) if messages else _dead_letters(file)
        for dead_letter in of_each(store.projects, lambda project_id: store.rows.choose(project_id, chosen)):
            written = write(dead_letter)
            count, left_out = count + written, left_out + 1 - written
        if left_out:
            unreadable = f", left out {left_out} that cannot be read as a message"
        if not count:
            say(f"nothing matches{unreadable}" + (f": {output} is left as it was" if output else ""))
            raise typer.Exit(NOTHING)
    say(f"exported {counted(count, 'dead letter')}{unreadable}")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Open the output file, which replaces an older one only when it is complete, or standard output."""
    if output is None:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    try:
        with ends_as_an_exception(), replacing(output) as file:
            text = TextIOWrapper(file, "utf-8", newline="")
            try:
                yield text
            finally:
                text.detach()
    except UnsafeFile as error:
        usage(f"{output} {error.strerror}, or leave out --output to write to standard output")
    except OSError as error:
        usage(f"{output}: {error.strerror}")


def _dead_letters(file: TextIO) -> Write:
    def write(dead_letter: DeadLetter) -> int:
        file.write(json_text(dead_letter.as_json()) + "\n")
        return 1

    return write


def _messages(file: TextIO) -> Write:
    def write(dead_letter: DeadLetter) -> int:
        try:
            line = one_line(dead_letter.message.decode())
        except UnicodeDecodeError:
            return 0
        if dead_letter.whole_frame:
            return 0
        file.write(line + "\n")
        return 1

    return write


def _table(file: TextIO) -> Write:
    table = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    table.writerow(COLUMNS)
    # A file must keep every cell as it is; a terminal must not obey what a cell holds.
    shown = printable if file.isatty() else str

    def write(dead_letter: DeadLetter) -> int:
        example = dead_letter.example()
        fields = dead_letter.as_json() | {
            "path": example.get("path") or example.get("errorName"),
            "found": example.get("found") or example.get("errorMessage"),
            "expected": example.get("expected"),
            "hint": example.get("hint"),
        }
        cells = ("" if fields[name] is None else str(fields[name]) for name in COLUMNS)
        table.writerow([shown(neutralise(cell)) for cell in cells])
        return 1

    return write
