"""Index the lines of a stream by data row, however far apart they are, in a temporary file instead of in memory.

A run is a sequence of consecutive lines of one data row. Most files have one run per data row, so the index is small.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, BinaryIO

from prelabel.readers.base import UnreadableSource

_RUNS_AT_ONCE = 10_000
_GROUPED = """
SELECT line, count, at, size, min(line) OVER a_row AS first, sum(size) OVER a_row, sum(count) OVER a_row
FROM run WINDOW a_row AS (PARTITION BY row) ORDER BY first, line
"""


@dataclass(slots=True)
class Run:
    """Consecutive lines: the number of the first, their count, and the offset and size of their bytes."""

    line: int
    count: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class RowRuns:
    """All runs of one data row, in the order of the stream; `size` and `count` are totals."""

    runs: list[Run]
    size: int
    count: int


class RunIndex:
    """Collects lines, then returns them by data row, in the order of the rows' first lines. Call `close` afterwards.

    The lines themselves are read again from the stream if it can seek; otherwise they are copied to a temporary file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._copy: IO[bytes] | None = None if stream.seekable() else TemporaryFile()  # noqa: SIM115 - see close()
        self._source = self._copy or stream
        self._written = 0
        self._row = b""
        self._last: Run | None = None
        self._pending: list[tuple[bytes, int, int, int, int]] = []
        # For an empty name, SQLite uses a private file: it creates it when its cache is full, and deletes it on close.
        self._database = sqlite3.connect("")
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8192;")
        self._database.execute("CREATE TABLE run (row BLOB, line INTEGER, count INTEGER, at INTEGER, size INTEGER)")

    def add(self, row: bytes, number: int, at: int, raw: bytes) -> None:
        """Add a line of a data row; `at` is its offset in the stream. Raises UnreadableSource."""
        if self._copy is not None:
            at, raw = self._written, raw.rstrip(b"\n") + b"\n"
            with _disk():
                self._written += self._copy.write(raw)
        last = self._last
        if last is not None and row == self._row and (number, at) == (last.line + last.count, last.at + last.size):
            last.count += 1
            last.size += len(raw)
            return
        self._keep()
        self._row, self._last = row, Run(number, 1, at, len(raw))

    def rows(self) -> Iterator[RowRuns]:
        """Yield the data rows. Raises UnreadableSource if the disk is full."""
        self._keep()
        self._last = None
        self._write()
        groups = itertools.groupby(self._sorted(), key=lambda row: row[4])
        for _, group in groups:
            runs = list(group)
            yield RowRuns([Run(*run[:4]) for run in runs], runs[0][5], runs[0][6])

    def lines(self, row: RowRuns) -> list[tuple[int, bytes]]:
        """Return the lines of a data row with their numbers."""
        lines: list[tuple[int, bytes]] = []
        for run in row.runs:
            with _disk():  # the seek writes buffered lines to the disk
                self._source.seek(run.at)
            raws = self._source.read(run.size).split(b"\n")[: run.count]
            lines += [(run.line + index, raw.strip()) for index, raw in enumerate(raws)]
        return lines

    def beginning(self, row: RowRuns, most: int) -> bytes:
        """Return the first bytes of a data row's first line."""
        with _disk():
            self._source.seek(row.runs[0].at)
        return self._source.read(min(most, row.runs[0].size)).partition(b"\n")[0]

    def close(self) -> None:
        """Delete the temporary files."""
        self._database.close()
        if self._copy is not None:
            self._copy.close()

    def _keep(self) -> None:
        if self._last is not None:
            last = self._last
            self._pending.append((self._row, last.line, last.count, last.at, last.size))
            if len(self._pending) >= _RUNS_AT_ONCE:
                self._write()

    def _write(self) -> None:
        with _disk():
            self._database.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?)", self._pending)
        self._pending.clear()

    def _sorted(self) -> Iterator[tuple[int, ...]]:
        with _disk():
            cursor = self._database.execute(_GROUPED)
        while True:
            with _disk():
                rows = cursor.fetchmany(_RUNS_AT_ONCE)
            if not rows:
                return
            yield from rows


@contextmanager
def _disk() -> Iterator[None]:
    """Raise UnreadableSource for errors of temporary files, such as a full disk."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UnreadableSource(f"the lines cannot be sorted by data row in a temporary file: {error}") from None
