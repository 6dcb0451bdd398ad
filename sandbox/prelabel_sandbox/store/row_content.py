"""What exports read of data rows: their lines with the times of their imports, and the batches that they are in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.imports import Imports
from prelabel_sandbox.store.pre_labels import PreLabels, data_row_of
from prelabel_sandbox.store.projects import DataRow, Project, Projects
from prelabel_sandbox.store.row_index import RowIndex, reference_of

_PAGE = 1000


class StoredLine(NamedTuple):
    """A line that became a pre-label or ground truth."""

    uuid: bytes
    content: bytes
    #: When its import was created, as Unix time in seconds.
    created: float


class RowContent:
    """Read-only queries."""

    def __init__(
        self, database: Database, projects: Projects, imports: Imports, labels: PreLabels, index: RowIndex
    ) -> None:
        self._database = database
        self._projects = projects
        self._imports = imports
        self._labels = labels
        self._index = index

    def catch_up(self, project: Project) -> None:
        """Read finished imports until `pre_labels` knows them all."""
        self._index.catch_up(project, float("inf"))

    def pre_labels(self, project: Project, rows: Sequence[DataRow]) -> dict[str, list[StoredLine]]:
        """Return the pre-labels of those data rows that have any, oldest first, by data row id."""
        references = {row.id: _references(row) for row in rows}
        counts = self._index.counts(project.id, [each for of_row in references.values() for each in of_row])
        return {
            row_id: list(self._pre_labels(project.id, of_row))
            for row_id, of_row in references.items()
            if any(counts.get(each) for each in of_row)
        }

    def _pre_labels(self, project_id: str, references: list[str]) -> Iterator[StoredLine]:
        skip = 0
        while page := self._index.standing(project_id, references, _PAGE, skip):
            for uuid, seq, start, length in page:
                item = self._imports.by_seq(seq)
                if item is not None:
                    with self._imports.file(item, "input").open("rb") as opened:
                        opened.seek(start)
                        yield StoredLine(uuid, opened.read(length), item.created)
            skip += len(page)

    def truth(self, project: Project) -> dict[str, list[StoredLine]]:
        """Return the ground truth of a project by data row id. All of it is in memory: there is no index of it."""
        by_reference = defaultdict(list)
        for label in self._labels.entries(project.id):
            by_reference[data_row_of(label.line)].append(StoredLine(label.uuid, label.line, label.source.created))
        rows = self._projects.data_rows(project, by_reference)
        by_row: defaultdict[str, list[StoredLine]] = defaultdict(list)
        for reference, lines in by_reference.items():
            if reference in rows:
                by_row[rows[reference].id] += lines
        return dict(by_row)

    def batches(self, project_id: str, row_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Return id and name of a project's batches by data row id, oldest first."""
        found = defaultdict(list)
        sql = (
            "SELECT r.row_id, b.id, b.name FROM json_each(?) AS v CROSS JOIN batch_rows AS r ON r.row_id = v.value"
            " CROSS JOIN batches AS b ON b.seq = r.batch_seq AND b.project_id = ? ORDER BY b.seq"
        )
        for row_id, batch_id, name in self._database.all(sql, orjson.dumps(list(row_ids)).decode(), project_id):
            found[row_id].append((batch_id, name))
        return dict(found)


def _references(row: DataRow) -> list[str]:
    by_key = [] if row.global_key is None else [reference_of("globalKey", row.global_key)]
    return [reference_of("id", row.id), *by_key]
