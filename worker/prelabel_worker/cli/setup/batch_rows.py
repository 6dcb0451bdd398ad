"""The data rows of a new batch: named by a file of global keys, by predictions, or by rows that miss them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from prelabel.errors import Reason
from prelabel.readers import BadRecord
from prelabel.readers.base import lines_of
from prelabel_worker.cli.publish.predictions import Predictions
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.terminal import say, usage
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.settings import Settings

MISSING = Reason.DATA_ROW_NOT_FOUND.value
"""The reason of held rows whose data row is not in the project."""
_MAX_KEYS = 1_000_000
"""Maximum number of data rows in one command, the same as in one call of the official client."""
_SHOWN = 20


@dataclass(slots=True)
class BatchRows:
    """Data rows by global key and by id, each in the order in which they were first named."""

    keys: dict[str, None] = field(default_factory=dict)
    ids: dict[str, None] = field(default_factory=dict)

    def add(self, key: str, form: str) -> None:
        """Add a data row by its global key (form `k`) or id (`i`). Exit code 2 when there are too many."""
        (self.keys if form == "k" else self.ids)[key] = None
        if len(self) > _MAX_KEYS:
            usage(f"more than {_MAX_KEYS:,} data rows: give them in parts")

    def __len__(self) -> int:
        return len(self.keys) + len(self.ids)


def of_lines(file: str) -> BatchRows:
    """Read global keys, one a line. Raises UnreadableInput."""
    rows = BatchRows()
    for _, key in lines_of(file):
        rows.add(key, "k")
    return rows


def of_predictions(predictions: Predictions, file: str, project: str) -> BatchRows:
    """Read the data rows of a file of predictions; print which records have none."""
    rows, bad = BatchRows(), 0
    with predictions.open(file, project) as source:
        for record in source:
            data_row = None
            if not isinstance(record, BadRecord):
                data_row = _data_row(record.message)
            if data_row is None:
                bad += 1
                if bad <= _SHOWN:
                    say(f"{record.where}: {record.problem if isinstance(record, BadRecord) else 'no data row in it'}")
            else:
                rows.add(*data_row)
    return rows


def _data_row(message: object) -> tuple[str, str] | None:
    """Return a message's data row and its form, `k` or `i`; None when it has none."""
    try:
        fields = orjson.loads(message) if isinstance(message, bytes) else message
        data_row = fields["dataRow"]  # type: ignore[index]
        key, row_id = data_row.get("globalKey"), data_row.get("id")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(key, str) and key:
        return key, "k"
    return (row_id, "i") if isinstance(row_id, str) and row_id else None


def of_dead_letters(settings: Settings, project: str) -> BatchRows:
    """Read the data rows that held rows miss: dead letters, retrying rows, and rows that are being tried."""
    rows, held = BatchRows(), HeldReader(connect(settings), settings.key_prefix)
    # A row may move meanwhile: a dead letter that is retried is pending afterwards, a row that dies was pending before.
    # So the pending rows are listed before and after.
    before = held.pending(project)
    _add(rows, held.choose(project, DeadLetterFilter(reason=MISSING)))
    _add(rows, held.rows(project, list(dict.fromkeys(before + held.pending(project)))))
    return rows


def _add(batch_rows: BatchRows, held_rows: Iterable[DeadLetter]) -> None:
    for row in held_rows:
        form, _, key = row.data_row.partition(":")
        if row.reason == MISSING and key:
            batch_rows.add(key, form)
