"""Group annotations by data row in bounded memory: SQLite keeps them in a small cache and a temporary file."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import orjson

_SHOWN = 200
"""Maximum number of characters of a name that errors show."""
_BATCH_BYTES = 4 * 1024 * 1024
_BATCH_ITEMS = 1000
"""Maximum number of items in memory: orjson allocates kilobytes even for a short item, so a limit of bytes alone would
not bound the memory."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The record that a key was made for, such as an image, and the place of one of its items in the file."""

    #: The kind of record: image, recording, video.
    kind: str
    #: The record's own name in the file; two records never have the same.
    name: int | str
    where: str

    def __str__(self) -> str:
        return f"{self.kind} {_short(self.name)} ({self.where})"


def _short(name: int | str) -> str:
    return repr(name if isinstance(name, int) or len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


class KeyClash(Exception):
    """Two records have the same key, so that their items would be of one group."""

    def __init__(self, key: str, first: Origin, second: Origin) -> None:
        super().__init__(f"global key {_short(key)} is that of {first} and of {second}")
        self.first, self.second = first, second


class Groups:
    """Groups items by key: add them in any order, then iterate over the keys with all their items.

    The keys come in the order in which they were first added. The keys and the names of their records stay in memory.
    """

    def __init__(self) -> None:
        # For an empty name, SQLite uses a private file: it creates it when its cache is full, and deletes it on close.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE item (place INTEGER, at INTEGER, body BLOB)")
        self._database.execute("CREATE TABLE origin (place INTEGER PRIMARY KEY, place_in_file TEXT)")
        self._places: dict[str, int] = {}
        self._names: list[int | str] = []
        self._batch: list[tuple[int, int, bytes]] = []
        self._origins: list[tuple[int, str]] = []
        self._bytes = self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, key: str, item: Any, origin: Origin) -> None:
        """Add an item under a key. Raises KeyClash if the key is another record's."""
        body = orjson.dumps(item)
        place = self._places.setdefault(key, len(self._places))
        if place == len(self._names):
            self._names.append(origin.name)
            self._origins.append((place, origin.where))
        elif self._names[place] != origin.name:
            raise KeyClash(key, Origin(origin.kind, self._names[place], self._first_place(place)), origin)
        self._batch.append((place, self._count, body))
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

    def _first_place(self, place: int) -> str:
        """Return the place in the file at which a key first occurred."""
        self._write()
        row = self._database.execute("SELECT place_in_file FROM origin WHERE place = ?", (place,)).fetchone()
        return str(row[0])

    def _write(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO item VALUES (?, ?, ?)", self._batch)
        self._database.executemany("INSERT INTO origin VALUES (?, ?)", self._origins)
        self._database.execute("COMMIT")
        self._batch.clear()
        self._origins.clear()
        self._bytes = 0
