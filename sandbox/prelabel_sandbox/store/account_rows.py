"""Data rows of the account as clients read them: one by id, or a dataset's, a page at a time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import orjson

from prelabel_sandbox.store.database import Database

_FIELDS = "rowid, id, dataset_id, global_key, external_id, row_data, media_type, created, updated"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A data row of the account."""

    #: Position in the order of creation.
    seq: int
    #: Labelbox's id.
    id: str
    dataset_id: str
    global_key: str | None
    external_id: str | None
    #: The address of its asset, or a text.
    row_data: str
    #: As the request said.
    media_type: str | None
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    updated: float


class AccountRows:
    """Read-only queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, row_id: str) -> AccountRow | None:
        """Return a data row by id, or None."""
        rows = self._all("id = ?", row_id)
        return rows[0] if rows else None

    def page(self, dataset_id: str, before: int | None, first: int, where: dict[str, str]) -> list[AccountRow]:
        """Return data rows of a dataset, newest first, that were created before the data row at a position.

        `where` has the wanted external id or global key.
        """
        conditions = ["dataset_id = ?", "(? IS NULL OR rowid < ?)", *(f"{column} = ?" for column in where)]
        condition = f"{' AND '.join(conditions)} ORDER BY rowid DESC LIMIT ?"
        return self._all(condition, dataset_id, before, before, *where.values(), first)

    def by_ids(self, row_ids: Iterable[str]) -> dict[str, AccountRow]:
        """Return data rows by id; unknown ones are left out."""
        rows = self._all("id IN (SELECT value FROM json_each(?))", orjson.dumps(list(row_ids)).decode())
        return {row.id: row for row in rows}

    def after(self, seq: int, first: int, where: Mapping[str, Collection[str]]) -> list[AccountRow]:
        """Return data rows of the account that were created after the one at a position, oldest first.

        `where` has the wanted values by column.
        """
        conditions = [f"{column} IN (SELECT value FROM json_each(?))" for column in where]  # noqa: S608
        condition = f"{' AND '.join(['rowid > ?', *conditions])} ORDER BY rowid LIMIT ?"
        return self._all(condition, seq, *(orjson.dumps(list(values)).decode() for values in where.values()), first)

    def _all(self, where: str, *values: object) -> list[AccountRow]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM catalog WHERE {where}", *values)  # noqa: S608
        return [AccountRow(*row) for row in rows]
