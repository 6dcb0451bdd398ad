"""Annotations by data row, in bounded memory: what does not fit SQLite's small cache goes to a temporary file."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import orjson

_BATCH_BYTES = 4 * 1024 * 1024
_BATCH_ITEMS = 1000
"""orjson allocates bytes in blocks of kilobytes, however short they are, so their lengths alone bound nothing."""


class Groups:
    """Items by key: add them in any order, then iterate in the order in which the keys were first added."""

    def __init__(self) -> None:
        # An empty name is a private SQLite file, created when the cache is full and deleted with the connection.
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("CREATE TABLE item (place INTEGER, at INTEGER, body BLOB)")
        self._places: dict[str, int] = {}
        self._batch: list[tuple[int, int, bytes]] = []
        self._bytes = self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()

    def add(self, key: str, item: Any) -> None:
        """Add one item of a key."""
        body = orjson.dumps(item)
        self._batch.append((self._places.setdefault(key, len(self._places)), self._count, body))
        self._count += 1
        self._bytes += len(body)
        if self._bytes > _BATCH_BYTES or len(self._batch) >= _BATCH_ITEMS:
            self._write()

    def __iter__(self) -> Iterator[tuple[str, list[Any]]]:
        self._write()
        keys = list(self._places)
        rows = self._base.execute("SELECT place, body FROM item ORDER BY place, at")
        for place, items in groupby(rows, itemgetter(0)):
            yield keys[place], [orjson.loads(body) for _, body in items]

    def _write(self) -> None:
        self._base.execute("BEGIN")
        self._base.executemany("INSERT INTO item VALUES (?, ?, ?)", self._batch)
        self._base.execute("COMMIT")
        self._batch.clear()
        self._bytes = 0
