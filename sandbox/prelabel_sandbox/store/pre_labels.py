"""Pre-labels, or ground truth, by project and uuid: references to the line of the last import with this uuid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

import orjson

from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.imports import Import, Imports

Place = tuple[bytes, int, int]
"""Canonical uuid, and the start and length of its line in the input file."""


@dataclass(frozen=True, slots=True)
class PreLabel:
    """A current pre-label."""

    #: The import that it came with.
    source: Import
    #: Its uuid as 16 bytes; Labelbox's own if the line has none.
    uuid: bytes
    #: The line as it was received.
    line: bytes


class PreLabels:
    """References to pre-labels, kept in the database; the lines stay in the imports' folders."""

    def __init__(self, database: Database, imports: Imports, table: Literal["pre_labels", "labels"]) -> None:
        self._database = database
        self._table = table
        self._imports = imports

    def put(self, item: Import, places: Iterable[Place], share: float) -> bool:
        """Store lines by uuid, and record the share of the import's lines that are judged. Safe to repeat.

        The last line with a uuid wins. Returns False and stores nothing if the import was deleted meanwhile.
        """
        # Sorted by key, so that neighbours in the tree are written together; equal uuids stay in order.
        ordered = sorted(places, key=lambda place: place[0])
        rows = ((item.project_id, uuid, item.seq, start, length) for uuid, start, length in ordered)
        with self._database.transaction(durable=False) as connection:
            sql = "UPDATE imports SET share = ? WHERE seq = ? AND NOT deleted"
            if connection.execute(sql, (share, item.seq)).rowcount == 0:
                return False
            connection.executemany(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608
        return True

    def lines(self, project_id: str) -> Iterator[bytes]:
        """Return the current lines of a project as they were received, in the order of their imports."""
        for _, of_import in groupby(self.entries(project_id), key=lambda entry: entry.source.seq):
            yield b"".join(_with_uuid(entry.line, entry.uuid) + b"\n" for entry in of_import)

    def entries(self, project_id: str) -> Iterator[PreLabel]:
        """Return a project's current pre-labels, in the order of their imports."""
        places = self._database.all(
            f"SELECT import_seq, start, length, uuid FROM {self._table} WHERE project_id = ?"  # noqa: S608
            " ORDER BY import_seq, start",
            project_id,
        )
        for seq, of_import in groupby(places, key=lambda place: place[0]):
            item = self._imports.by_seq(seq)
            if item is not None:
                content = self._imports.file(item, "input").read_bytes()
                for _, start, length, uuid in of_import:
                    yield PreLabel(item, uuid, content[start : start + length])

    def data_row_count(self, project_id: str) -> int:
        """Return the number of data rows that the current lines of a project name."""
        return len(self.references(project_id))

    def references(self, project_id: str) -> set[tuple[str, str]]:
        """Return the data rows that the current lines of a project name, as ("id" or "globalKey", value)."""
        if self._database.one(f"SELECT 1 FROM {self._table} WHERE project_id = ? LIMIT 1", project_id) is None:  # noqa: S608
            return set()
        return {data_row_of(line) for part in self.lines(project_id) for line in part.splitlines()}


def data_row_of(line: bytes) -> tuple[str, str]:
    """Return the reference by which a line that was accepted names its data row."""
    ((word, value),) = orjson.loads(line)["dataRow"].items()
    return word, value


def _with_uuid(line: bytes, uuid: bytes) -> bytes:
    """Return the line; if it came without a uuid, add the uuid that the sandbox gave it."""
    value: dict[str, Any] = orjson.loads(line)
    return line if "uuid" in value else orjson.dumps({"uuid": str(UUID(bytes=uuid)), **value})
