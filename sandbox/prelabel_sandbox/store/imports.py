"""Imports: a row in the database, and a folder with the input, status and error file."""

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.durable import write_durably

File = Literal["input", "status", "error"]
Kind = Literal["mal", "label"]
"""Pre-labels, or ground truth."""

_FIELDS = "seq, id, project_id, name, state, share, secret, created, ended, kind, url"


@dataclass(frozen=True, slots=True)
class Import:
    """An import of pre-labels or ground truth."""

    #: Position in the order of creation.
    seq: int
    #: Labelbox's id.
    id: str
    #: The project that it belongs to.
    project_id: str
    #: Need not be unique.
    name: str
    #: RUNNING, FINISHED or FAILED.
    state: str
    #: Share of the lines that are judged, from 0 to 1.
    share: float
    #: Secret part of the addresses of its files.
    secret: str
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    ended: float | None
    #: Pre-labels or ground truth.
    kind: Kind
    #: Address of the input; None: it was uploaded.
    url: str | None

    def has(self, file: File) -> bool:
        """Return whether it has this file: the status file only once its lines are judged."""
        return file == "input" or self.state == "FINISHED" or (file == "error" and self.state == "FAILED")


class Imports:
    """The imports, kept in the database and in a folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._sweep()

    def accept(
        self, project_id: str, name: str, body: bytes | str, kind: Kind = "mal", *, refuse_same_name: bool
    ) -> Import | None:
        """Accept a file or the address of one. With `refuse_same_name`, return None if an import of this name exists.

        When this returns, the import is on disk: it survives a killed process.
        """
        import_id = new_id()
        folder = self._folder / import_id
        url = body if isinstance(body, str) else None
        if isinstance(body, str):
            folder.mkdir()
        else:
            write_durably(folder / "input.ndjson", body)
        with self._database.transaction() as connection:
            if refuse_same_name and self.find(project_id, name, kind):
                shutil.rmtree(folder)
                return None
            connection.execute(
                "INSERT INTO imports (id, project_id, name, kind, url, state, share, secret, created)"
                " VALUES (?, ?, ?, ?, ?, 'RUNNING', 0, ?, ?)",
                (import_id, project_id, name, kind, url, secrets.token_urlsafe(24), time.time()),
            )
        return self._one("id = ?", import_id)

    def find(self, project_id: str, name: str, kind: Kind = "mal", *, oldest: bool = False) -> Import | None:
        """Return an import by name; of several, the newest or the oldest."""
        order = "ASC" if oldest else "DESC"
        where = f"project_id = ? AND name = ? AND kind = ? AND NOT deleted ORDER BY seq {order} LIMIT 1"
        return self._one(where, project_id, name, kind)

    def by_secret(self, secret: str) -> Import | None:
        """Return the import whose files are at this address, or None."""
        return self._one("secret = ? AND NOT deleted", secret)

    def by_seq(self, seq: int) -> Import | None:
        """Return an import by its number, even a deleted one."""
        return self._one("seq = ?", seq)

    def page(self, project_id: str, kind: Kind, skip: int, first: int) -> list[Import]:
        """Return a page of a project's imports, oldest first."""
        where = "project_id = ? AND kind = ? AND NOT deleted ORDER BY seq LIMIT ? OFFSET ?"
        return self._all(where, project_id, kind, first, skip)

    def running(self) -> list[Import]:
        """Return the imports to process, oldest first."""
        return self._all("state = 'RUNNING' AND NOT deleted ORDER BY seq")

    def delete(self, import_id: str, *, keep: bool = False) -> bool:
        """Delete an import of pre-labels and, unless `keep`, its pre-labels; a running one stops.

        That is our assumption, based on the documentation of an earlier API. We also assume that an older import's
        pre-label with the same uuid does not return. The folder stays: a client may be reading its files.
        """
        with self._database.transaction() as connection:
            sql = "UPDATE imports SET deleted = 1 WHERE id = ? AND kind = 'mal' AND NOT deleted"
            if connection.execute(sql, (import_id,)).rowcount == 0:
                return False
            if not keep:
                sql = "SELECT project_id, seq FROM imports WHERE id = ?"
                project_and_seq = connection.execute(sql, (import_id,)).fetchone()
                connection.execute("DELETE FROM pre_labels WHERE project_id = ? AND import_seq = ?", project_and_seq)
        return True

    def end(self, item: Import, state: Literal["FINISHED", "FAILED"]) -> None:
        """End an import. Its files must be complete."""
        with self._database.transaction(durable=False) as connection:
            sql = "UPDATE imports SET state = ?, share = 1, ended = ? WHERE seq = ?"
            connection.execute(sql, (state, time.time(), item.seq))

    def is_fetched(self, item: Import) -> bool:
        """Return whether the input is stored, because it was uploaded or has been fetched."""
        return item.url is None or self.file(item, "input").exists()

    def put_input(self, item: Import, content: bytes) -> None:
        """Store the input that was fetched."""
        (self._folder / item.id).mkdir(exist_ok=True)  # `accept` does not sync it, so a power cut may have removed it
        write_durably(self.file(item, "input"), content)

    def file(self, item: Import, file: File) -> Path:
        """Return the path of one of its files, existing or not."""
        return self._folder / item.id / f"{file}.ndjson"

    def _sweep(self) -> None:
        """Remove the files of imports that were never accepted."""
        known = {row[0] for row in self._database.all("SELECT id FROM imports")}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)

    def _one(self, where: str, *values: object) -> Import | None:
        row = self._database.one(f"SELECT {_FIELDS} FROM imports WHERE {where}", *values)  # noqa: S608
        return Import(*row) if row else None

    def _all(self, where: str, *values: object) -> list[Import]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM imports WHERE {where}", *values)  # noqa: S608
        return [Import(*row) for row in rows]
