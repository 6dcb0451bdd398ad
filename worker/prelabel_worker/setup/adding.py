"""Add a file of data rows to a dataset, part by part: look up, add, wait, and record the part as done.

A look-up before and after finds the rows whose global key exists: it is not documented how Labelbox answers a
duplicate, and one duplicate may make it refuse a whole upload (docs/reference/labelbox-api.md#6). So a part whose
outcome is unknown can be begun again.
"""

import mimetypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from prelabel_worker.labelbox.decoding import PIECE
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.setup.adding_state import AddingState, StateFile
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.data_rows import LOOKED_UP_TOGETHER, DataRows
from prelabel_worker.setup.new_rows import NewRow, NoRow, RowReader
from prelabel_worker.setup.tasks import Task, TaskGone, Tasks

_PART_BYTES = 5_000_000
"""Bytes at which a part is full: an upload of rows has at most 10,000,000 bytes, and a row 4 MiB."""
_PART_FILES = 500
_UPLOADS = 4  # at a time (docs/reference/labelbox-api.md#5)
_ATTEMPTS = 5
_AGAIN_SECONDS = 2.0

Failed = Callable[[NoRow], None]
Show = Callable[[AddingState, Task | None], None]


@dataclass(slots=True)
class _Part:
    """Consecutive lines of the file."""

    #: The number of the last line.
    last: int
    rows: list[NewRow] = field(default_factory=list)
    #: Lines that are not data rows.
    refused: list[NoRow] = field(default_factory=list)
    #: Bytes of the rows.
    size: int = 0
    #: How many local files its rows name.
    files: int = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= LOOKED_UP_TOGETHER or self.size >= _PART_BYTES or self.files >= _PART_FILES


class Adding:
    """Adds the rows of one file. Calls `failed` with each row that is not added, and `show` with the progress."""

    def __init__(self, calls: Calls, file: StateFile, *, task_seconds: float, failed: Failed, show: Show) -> None:
        self._calls = calls
        self._rows = DataRows(calls)
        self._tasks = Tasks(calls)
        self._file = file
        self._seconds = task_seconds
        self._failed = failed
        self._show = show

    def run(self, stream: BinaryIO, reader: RowReader, state: AddingState, mark: Callable[[], int]) -> AddingState:
        """Add the rows after the last line that the state names as done; return the state at the end.

        `mark` makes the report of failed rows durable and returns its length. Raises RequestError, StillRunning,
        Stopped, OSError; a call with the saved state then resumes.
        """
        state = self._finish_task(state)
        for part in _parts(reader.rows(stream, state.line)):
            state = self._add(part, state)
            state = self._file.save(
                state, line=part.last, flying=False, task="", flying_existing=0, report_bytes=mark()
            )
            self._show(state, None)
        return self._file.save(state, done=True)

    def _finish_task(self, state: AddingState) -> AddingState:
        """Wait for the task that an earlier run left, if there is one."""
        if state.task:
            try:
                self._tasks.wait(state.task, self._seconds, lambda task: self._show(state, task))
            except TaskGone:
                return state  # the look-up of its rows will show what it did
        return state

    def _add(self, part: _Part, state: AddingState) -> AddingState:
        for no_row in part.refused:
            self._failed(no_row)
        failed = len(part.refused)
        by_key: dict[str, NewRow] = {}
        for row in part.rows:
            by_key.setdefault(row.key, row)
        added = existing = 0
        for attempt in range(1, _ATTEMPTS + 1):
            existing_ids = self._rows.look_up(list(by_key)).ids
            if not state.flying:
                state = self._file.save(state, flying=True, flying_existing=len(existing_ids))
            fresh = [row for key, row in by_key.items() if key not in existing_ids]
            # Rows that exist now but not at the beginning were added by this command, in this run or an earlier one.
            existing = min(state.flying_existing, len(existing_ids)) + len(part.rows) - len(by_key)
            added = len(existing_ids) - min(state.flying_existing, len(existing_ids))
            try:
                just_added, not_added = self._send(fresh, state)
            except RequestError as error:
                if not error.maybe_accepted or attempt == _ATTEMPTS:
                    raise
                self._calls.sleep(_AGAIN_SECONDS * attempt)
                continue
            for no_row in not_added:
                self._failed(no_row)
            added, failed = added + just_added, failed + len(not_added)
            break
        return self._counted(state, added, existing, failed)

    def _counted(self, state: AddingState, added: int, existing: int, failed: int) -> AddingState:
        state.added += added
        state.existing += existing
        state.failed += failed
        return state

    def _send(self, rows: list[NewRow], state: AddingState) -> tuple[int, list[NoRow]]:
        """Add rows; return how many were added, and those that were not. Raises RequestError, StillRunning, Stopped."""
        payloads, not_added = self._uploaded(rows, state.dataset_id)
        if not payloads:
            return 0, not_added
        state.task = self._rows.add([payload for _, payload in payloads])
        self._file.save(state)
        task = self._tasks.wait(state.task, self._seconds, lambda task: self._show(state, task))
        reasons = dict(self._rows.failed(state.task))
        # If Labelbox does not name a failed row, it may be any of them: look up all.
        all_doubtful = not task.complete or "" in reasons
        doubtful = [row for row, _ in payloads if all_doubtful or row.key in reasons]
        added_ids = self._rows.look_up([row.key for row in doubtful]).ids if doubtful else {}
        not_added += [
            NoRow(row.line, row.key, reasons.get(row.key) or reasons.get("") or task.why)
            for row in doubtful
            if row.key not in added_ids
        ]
        return len(rows) - len(not_added), not_added

    def _uploaded(self, rows: list[NewRow], dataset_id: str) -> tuple[list[tuple[NewRow, dict[str, Any]]], list[NoRow]]:
        """Upload local files; return each row with its payload, and the rows whose file cannot be read."""
        payloads: list[tuple[NewRow, dict[str, Any]]] = []
        unreadable: list[NoRow] = []
        with ThreadPoolExecutor(_UPLOADS) as pool:
            for row, row_data in zip(rows, pool.map(self._row_data, rows), strict=True):
                if isinstance(row_data, NoRow):
                    unreadable.append(row_data)
                else:
                    payloads.append((row, row.payload | {"row_data": row_data, "dataset_id": dataset_id}))
        return payloads, unreadable

    def _row_data(self, row: NewRow) -> Any:
        """Upload the files of a row; return its row data with their addresses, or a NoRow if one cannot be read."""
        addresses: dict[str, str] = {}
        for key, path in row.files.items():
            try:
                addresses[key] = self._address(path)
            except OSError as error:
                return NoRow(row.line, row.key, f"row_data{key and f'.{key}'}: {path.name}: {error.strerror}")
        if "" in addresses:
            return addresses[""]
        row_data = row.payload["row_data"]
        return row_data | addresses if addresses else row_data

    def _address(self, path: Path) -> str:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return self._calls.upload(path.name, lambda: _pieces(path), path.stat().st_size, media_type)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _parts(rows: Iterator[NewRow | NoRow]) -> Iterator[_Part]:
    part = _Part(0)
    for row in rows:
        part.last = row.line
        if isinstance(row, NoRow):
            part.refused.append(row)
        else:
            part.rows.append(row)
            part.size += row.size
            part.files += len(row.files)
        if part.full or len(part.refused) >= LOOKED_UP_TOGETHER:
            yield part
            part = _Part(0)
    if part.rows or part.refused:
        yield part
