"""Group annotations by data row in bounded memory: SQLite keeps them in a small cache and a temporary file."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import orjson

_BATCH_BYTES = 4 * 1024 * 1024
_BATCH_ITEMS = 1000
"""Maximum number of items in memory: orjson allocates kilobytes even for a short item, so a limit of bytes alone would
not bound the memory."""


class Groups:
    """Groups items by key: add them in any order, then iterate over the keys with all their items.

    The keys come in the order in which they were first added.
    """

    def __init__(self) -> None:
        # For an empty name, SQLite uses a private file: it creates it when its cache is full, and deletes it on close.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE item (place INTEGER, at INTEGER, body BLOB)")
        self._places: dict[str, int] = {}
        self._batch: list[tuple[int, int, bytes]] = []
        self._bytes = self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, key: str, item: Any) -> None:
        """Add an item under a key."""
        body = orjson.dumps(item)
        self._batch.append((self._places.setdefault(key, len(self._places)), self._count, body))
        self._count += 1
        self._bytes += len(body)
        if self._bytes > _BATCH_BYTES or len(self._batch) >= _BATCH_ITEMS:
            self._write()

    def __iter__(self) -> Iterator[tuple[str, list[Any]]]:
        self._write()
        keys = list(self._places)
        rows = self._database.execute("SELECT place, body FROM item ORDER BY place, at")
        for place, items in groupby(rows, itemgetter(0)):
            yield keys[place], [orjson.loads(body) for _, body in items]

    def _write(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO item VALUES (?, ?, ?)", self._batch)
        self._database.execute("COMMIT")
        self._batch.clear()
        self._bytes = 0
