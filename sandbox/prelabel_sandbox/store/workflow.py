"""Where the data rows of a project are in its workflow. The sandbox has no labelers: what has ground truth is done."""

from typing import NamedTuple

import orjson

from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.pre_labels import PreLabels
from prelabel_sandbox.store.projects import Project, Projects


class Counts(NamedTuple):
    """Numbers of data rows; pre-labels make no data row labeled."""

    total: int
    labeled: int

    @property
    def unlabeled(self) -> int:
        """Return the number of data rows that wait for a label."""
        return self.total - self.labeled


class Workflow:
    """Read-only queries. That imported ground truth makes a data row done is our assumption."""

    def __init__(self, database: Database, projects: Projects, labels: PreLabels) -> None:
        self._database = database
        self._projects = projects
        self._labels = labels

    def counts(self, project: Project, batch_ids: list[str] | None = None) -> Counts:
        """Return the numbers of a project's data rows, or of those in some of its batches; unknown ones have none."""
        labeled = self.labeled(project)
        if batch_ids is None:
            return Counts(max(self._projects.data_row_count(project.id), len(labeled)), len(labeled))
        rows = self.rows_of_batches(project.id, batch_ids)
        return Counts(len(rows), len(rows & labeled))

    def labeled(self, project: Project) -> set[str]:
        """Return the ids of the data rows with ground truth."""
        return {row.id for row in self._projects.data_rows(project, self._labels.references(project.id)).values()}

    def rows_of_batches(self, project_id: str, batch_ids: list[str]) -> set[str]:
        """Return the ids of the data rows in some batches of a project."""
        sql = (
            "SELECT r.row_id FROM json_each(?) AS v CROSS JOIN batches AS b ON b.id = v.value AND b.project_id = ?"
            " CROSS JOIN batch_rows AS r ON r.batch_seq = b.seq"
        )
        return {row_id for (row_id,) in self._database.all(sql, orjson.dumps(batch_ids).decode(), project_id)}
