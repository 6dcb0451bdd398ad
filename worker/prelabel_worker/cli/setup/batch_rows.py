"""Which data rows a batch is to have: named in a file, by predictions, or by rows that miss them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from prelabel.errors import Reason
from prelabel.readers import BadRecord
from prelabel_worker.cli.publish.predictions import Predictions
from prelabel_worker.cli.shared.terminal import connect, opened, say, usage
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.settings import Settings

MISSING = Reason.DATA_ROW_NOT_FOUND.value
"""Why rows are held whose data row is not in the project."""
_MOST_KEYS = 1_000_000
"""Data rows in one command; as many as the official client takes at once."""
_SHOWN = 20


@dataclass(slots=True)
class Wanted:
    """Data rows as they are named: by global key, by id. In the order in which they were first named."""

    keys: dict[str, None] = field(default_factory=dict)
    ids: dict[str, None] = field(default_factory=dict)

    def add(self, key: str, form: str) -> None:
        """One more. Exit code 2 when there are too many."""
        (self.keys if form == "k" else self.ids)[key] = None
        if len(self) > _MOST_KEYS:
            usage(f"more than {_MOST_KEYS:,} data rows: give them in parts")

    def __len__(self) -> int:
        return len(self.keys) + len(self.ids)


def of_lines(file: str) -> Wanted:
    """Global keys, one a line."""
    wanted = Wanted()
    with opened(file) as stream:
        for line in stream:
            if key := line.decode("utf-8", "replace").strip().removeprefix("\ufeff"):
                wanted.add(key, "k")
    return wanted


def of_predictions(predictions: Predictions, file: str, project: str) -> Wanted:
    """The data rows of a file of predictions; records without one are named."""
    wanted, bad = Wanted(), 0
    with predictions.open(file, project) as source:
        for record in source:
            data_row = None
            if not isinstance(record, BadRecord):
                data_row = _data_row(record.message)
            if data_row is None:
                bad += 1
                if bad <= _SHOWN:
                    say(f"{record.where}: no data row in it")
            else:
                wanted.add(*data_row)
    return wanted


def _data_row(message: object) -> tuple[str, str] | None:
    """A message's data row and its form."""
    try:
        said = orjson.loads(message) if isinstance(message, bytes) else message
        data_row = said["dataRow"]  # type: ignore[index]
        key, row_id = data_row.get("globalKey"), data_row.get("id")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(key, str) and key:
        return key, "k"
    return (row_id, "i") if isinstance(row_id, str) and row_id else None


def of_dead_letters(settings: Settings, project: str) -> Wanted:
    """Of rows that are held for a missing data row: dead letters, retrying rows, and those that are being tried."""
    wanted, held = Wanted(), HeldReader(connect(settings), settings.key_prefix)
    # A row may move meanwhile: a dead letter that is retried is pending afterwards, a row that dies was pending before.
    before = held.pending(project)
    _add(wanted, held.choose(project, DeadLetterFilter(reason=MISSING)))
    _add(wanted, held.rows(project, list(dict.fromkeys(before + held.pending(project)))))
    return wanted


def _add(wanted: Wanted, rows: Iterable[DeadLetter]) -> None:
    for row in rows:
        form, _, key = row.data_row.partition(":")
        if row.reason == MISSING and key:
            wanted.add(key, form)
