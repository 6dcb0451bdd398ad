"""Datasets: named groups of data rows."""

import time
from dataclasses import dataclass

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset. Names need not be unique."""

    id: str
    name: str
    description: str | None
    created: float
    updated: float


class Datasets:
    """The datasets, kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, description: str | None) -> Dataset:
        """Create a dataset."""
        now = time.time()
        dataset = Dataset(new_id(), name, description, now, now)
        with self._database.transaction() as connection:
            sql = "INSERT INTO datasets (id, name, description, created, updated) VALUES (?, ?, ?, ?, ?)"
            connection.execute(sql, (dataset.id, name, description, now, now))
        return dataset

    def get(self, dataset_id: str) -> Dataset | None:
        """Return a dataset by id, or None."""
        datasets = self._all("id = ? AND NOT deleted", dataset_id)
        return datasets[0] if datasets else None

    def all(self) -> list[Dataset]:
        """Return all datasets, oldest first."""
        return self._all("NOT deleted ORDER BY created, id")

    def _all(self, where: str, *values: object) -> list[Dataset]:
        sql = f"SELECT id, name, description, created, updated FROM datasets WHERE {where}"  # noqa: S608
        return [Dataset(*row) for row in self._database.all(sql, *values)]

    def change(self, dataset_id: str, *, name: str | None, description: str | None) -> bool:
        """Change the name or description; return False if the dataset does not exist."""
        sql = (
            "UPDATE datasets SET name = coalesce(?, name), description = coalesce(?, description), updated = ?"
            " WHERE id = ? AND NOT deleted"
        )
        with self._database.transaction() as connection:
            return connection.execute(sql, (name, description, time.time(), dataset_id)).rowcount > 0

    def delete(self, dataset_id: str) -> bool:
        """Delete a dataset; return False if it does not exist.

        Its data rows leave the account, and their global keys are free again: our assumption. Projects keep their rows.
        """
        with self._database.transaction() as connection:
            sql = "UPDATE datasets SET deleted = 1, updated = ? WHERE id = ? AND NOT deleted"
            if connection.execute(sql, (time.time(), dataset_id)).rowcount == 0:
                return False
            connection.execute("DELETE FROM catalog WHERE dataset_id = ?", (dataset_id,))
        return True

    def row_count(self, dataset_id: str) -> int:
        """Return the number of data rows."""
        return int(self._database.one("SELECT count(*) FROM catalog WHERE dataset_id = ?", dataset_id)[0])
