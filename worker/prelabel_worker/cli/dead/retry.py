"""`prelabel dead retry`: send dead letters back to their lanes, as they are or edited."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from prelabel.text_input import open_text
from prelabel_worker.cli.dead.bulk import answer, carry_out, say_examples, say_why_skipped
from prelabel_worker.cli.dead.filters import Choice, Store, filtered
from prelabel_worker.cli.shared.parameters import sharing
from prelabel_worker.cli.shared.terminal import USAGE, AsJson, RedisUrl, say
from prelabel_worker.dead_letters.bulk import Bulk, Pacer
from prelabel_worker.dead_letters.editing import Edits

_MAX_LINE = 65_536


@dataclass(frozen=True, slots=True)
class _Edited:
    """What is changed before a dead letter is sent back. Each field is an option of the command."""

    rename_feature: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Rename a feature; may be repeated.")
    ] = None
    rename_option: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Rename an option of answers; may be repeated.")
    ] = None
    rename_classification: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="Rename a classification below an object or an option; may be repeated."),
    ] = None
    data_row_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Columns old and new: replace global keys or ids of data rows."),
    ] = None

    def read(self) -> Edits:
        """Return the edits. Exit code 2 for a value or a file that cannot be used."""
        return Edits(
            _names(self.rename_feature, "--rename-feature"),
            _names(self.rename_option, "--rename-option"),
            data_rows(self.data_row_from) if self.data_row_from else {},
            _names(self.rename_classification, "--rename-classification"),
        )


@filtered
@sharing(_Edited, "edited")
def retry(
    choice: Choice = Choice(),  # noqa: B008 - frozen; `filtered` gives the real one
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Give them new arrival numbers, so that they override newer messages.")
    ] = False,
    rate: Annotated[
        float, typer.Option(metavar="ROWS_PER_SECOND", help="Maximum number of rows a second.", min=1)
    ] = 2000,
    edited: _Edited = _Edited(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; with edits, show three examples.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Send dead letters back to their lanes, as they are or edited. Exit code 3 when nothing matches.

    Example: prelabel dead retry --project demo-project --reason unknown-feature --rename-feature Car=car --dry-run
    """
    choice.check()
    edits = edited.read()
    store = Store(redis_url, choice.project)
    now_ms = store.rows.now_ms()
    bulk = Bulk(store.rows, choice.before(now_ms), Pacer(rate), dry_run=dry_run)

    def act(project_id: str) -> None:
        if edits:
            bulk.edit(project_id, edits, as_new=as_new)
        else:
            bulk.retry(project_id, as_new=as_new)

    details = choice.filter_at(now_ms).as_details() | edits.as_details() | ({"asNew": True} if as_new else {})
    interrupted = carry_out(store, bulk, "retry", details, act)
    if dry_run:
        say_examples(bulk)
    if as_json or not dry_run:
        say_why_skipped(bulk)
    answer(
        bulk.result,
        "retry",
        dry_run=dry_run,
        as_json=as_json,
        interrupted=interrupted,
        named=bool(choice.dead_letter_ids),
        why_skipped=bulk.why_skipped,
        superseded=bulk.superseded,
    )


def _names(values: list[str] | None, option: str) -> dict[str, str]:
    """Return old name → new name. Exit code 2 when a value is not OLD=NEW, or names an old name twice."""
    new_names: dict[str, str] = {}
    for text in values or ():
        old, equals, new = text.partition("=")
        if not (old and equals and new) or new_names.get(old, new) != new:
            say(f"{option} {text}: expected OLD=NEW, each old name once")
            raise typer.Exit(USAGE)
        new_names[old] = new
    return new_names


def _lines(stream: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE), b""), 1):
        if len(line) == _MAX_LINE:
            raise ValueError(f"line {number}: more than {_MAX_LINE:,} bytes")
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise ValueError(f"line {number}: not UTF-8") from None


def data_rows(file: Path) -> dict[str, str]:
    """Read the columns old and new of a CSV file. Exit code 2 when it cannot be used, naming the line.

    Raises UnreadableInput.
    """
    new_keys: dict[str, str] = {}
    try:
        with open_text(file) as stream:
            reader = csv.DictReader(_lines(stream))
            if not {"old", "new"} <= set(reader.fieldnames or ()):
                raise ValueError("expected the columns old and new")
            for record in reader:
                old, new = record["old"], record["new"]
                if not old or not new or new_keys.get(old, new) != new:
                    raise ValueError(f"line {reader.line_num}: expected old and new, each old one once")
                new_keys[old] = new
    except (ValueError, csv.Error) as error:
        say(f"{file}: {error}")
        raise typer.Exit(USAGE) from None
    return new_keys
