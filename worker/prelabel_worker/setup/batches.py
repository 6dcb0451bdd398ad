"""Put data rows into a project in batches: small ones in one request, large ones by a task of Labelbox.

Source: docs/reference/labelbox-api.md#2-7.

A project has one batch of a name, so a repeated command finds the batch that it made before. We assume that to add a
data row has no effect if a batch of the project has it already.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prelabel.errors import PrelabelError
from prelabel.printing import counted
from prelabel_worker.labelbox.errors import Garbled, RequestError
from prelabel_worker.labelbox.response_types import (
    BatchesOfProject,
    NewBatch,
    NewBatchOfProject,
    RowsToBatchOfProject,
    SmallBatch,
)
from prelabel_worker.setup.calls import Calls, next_page
from prelabel_worker.setup.tasks import Tasks

MAX_ROWS = 100_000
"""Maximum number of data rows in one batch."""
_SMALL = 1000
"""Below this number of data rows, a batch is made with its rows in one request."""
_PRIORITY = 5  # what the official client sends
_CREATE = (
    "mutation NewBatch($project: ID!, $input: CreateBatchInput!) { project(where: {id: $project}) "
    "{ createBatchV2(input: $input) { batch { id name size } failedDataRowIds } } }"
)
_CREATE_EMPTY = (
    "mutation NewEmptyBatch($project: ID!, $input: CreateEmptyBatchInput!) { project(where: {id: $project}) "
    "{ createEmptyBatch(input: $input) { id } } }"
)
_ADD = (
    "mutation AddToBatch($project: ID!, $input: AddDataRowsToBatchInput!) { project(where: {id: $project}) "
    "{ addDataRowsToBatchAsync(input: $input) { taskId } } }"
)
_READ = (
    "query ReadBatch($project: ID!, $batch: ID!) { project(where: {id: $project}) "
    "{ batches(where: {id: $batch}) { nodes { id name size } } } }"
)
_LIST = (
    "query Batches($from: String, $first: PageSize, $project: ID!) { project(where: {id: $project}) "
    "{ id batches(after: $from, first: $first) { nodes { id name size } pageInfo { endCursor } } } }"
)
_PAGE = 100
_LOOKS, _LOOK_SECONDS = 3, 1.0


class NameTaken(PrelabelError):
    """The project has another batch of this name."""


@dataclass(slots=True)
class Made:
    """A batch that was made or filled."""

    #: Its id at Labelbox.
    id: str
    #: Its name.
    name: str
    #: How many data rows it has.
    size: int
    #: Whether it existed before with all its rows.
    before: bool = False
    #: The ids of data rows that Labelbox did not add, where it names them.
    failed: list[str] = field(default_factory=list)
    #: Why data rows are missing, where Labelbox does not name them.
    why: str = ""


class Batches:
    """The batches of one project."""

    def __init__(self, calls: Calls, project_id: str, *, task_seconds: float) -> None:
        self._calls = calls
        self._project = project_id
        self._tasks = Tasks(calls)
        self._seconds = task_seconds

    def create(
        self,
        name: str,
        ids: Sequence[str],
        *,
        ours: bool,
        show: Callable[[float], None] = lambda percent: None,
    ) -> Made:
        """Make a batch of these data rows, at most 100,000; fill an existing batch of this name that lacks rows.

        With `ours`, the name was derived from these rows, so a batch of this name is meant to have them. Otherwise only
        its number of rows can show that. Raises NameTaken, RequestError, StillRunning, Stopped; it may be called again
        after any of them.
        """
        batch = self._find(name)
        if batch is None:
            if len(ids) < _SMALL:
                return self._small(name, ids)
            return self._fill(self._empty(name), name, ids, show)
        if batch.size < len(ids):
            batch.size = self._settled_size(batch)
        if batch.size == len(ids) or (ours and batch.size > len(ids)):
            batch.before = True
            return batch
        if batch.size and not ours:
            raise NameTaken(f"the project has a batch '{name}' of {counted(batch.size, 'data row')}: give another name")
        return self._fill(batch.id, name, ids, show)

    def _settled_size(self, batch: Made) -> int:
        """Wait until a batch no longer grows, since a task of an interrupted run may be filling it; return its size."""
        size, unchanged = batch.size, 0
        while unchanged < _LOOKS:
            self._calls.sleep(_LOOK_SECONDS)
            now = self._size(batch.id)
            size, unchanged = now, unchanged + 1 if now == size else 0
        return size

    def _small(self, name: str, ids: Sequence[str]) -> Made:
        fields: dict[str, Any] = {"name": name, "dataRowIds": list(ids), "globalKeys": None}
        fields |= {"priority": _PRIORITY, "consensusSettings": None}
        made = self._made(_CREATE, fields, name)
        if isinstance(made, Made):
            return made
        small = made.create_batch_v2 or SmallBatch()
        failed = small.failed_data_row_ids or []
        size = (small.batch and small.batch.size) or len(ids) - len(failed)
        return Made(small.batch.id if small.batch else "", name, size, failed=failed)

    def _empty(self, name: str) -> str:
        made = self._made(_CREATE_EMPTY, {"name": name, "consensusSettings": None}, name)
        if isinstance(made, Made):
            return made.id
        return made.create_empty_batch.id if made.create_empty_batch else ""

    def _made(self, query: str, fields: dict[str, Any], name: str) -> NewBatch | Made:
        """Send a request that makes a batch; return the answer or, if that was lost, the batch of this name."""
        try:
            variables = {"project": self._project, "input": fields}
            made = self._calls.create(query, variables, NewBatchOfProject, batches=True).project
            if made is None or not (made.create_batch_v2 or made.create_empty_batch):
                raise Garbled("the answer names no batch", maybe_accepted=True)
            return made
        except RequestError as error:
            batch = self._find(name) if error.maybe_accepted else None
            if batch is None:
                raise
            return batch

    def _fill(self, batch_id: str, name: str, ids: Sequence[str], show: Callable[[float], None]) -> Made:
        """Add rows to a batch. To repeat the request is safe: rows that the batch has are not added twice."""
        fields = {"batchId": batch_id, "dataRowIds": list(ids), "globalKeys": None, "priority": _PRIORITY}
        variables = {"project": self._project, "input": fields}
        begun = self._calls.ask(_ADD, variables, RowsToBatchOfProject, batches=True).project.begun
        task = self._tasks.wait(begun.task_id, self._seconds, lambda task: show(task.percent or 0.0))
        size = self._size(batch_id)
        return Made(batch_id, name, size, why="" if task.complete and size >= len(ids) else task.why)

    def _size(self, batch_id: str) -> int:
        variables = {"project": self._project, "batch": batch_id}
        nodes = self._calls.ask(_READ, variables, BatchesOfProject).project.batches.nodes
        if not nodes:
            raise Garbled("Labelbox does not know the batch that it has just made")
        return nodes[0].size or 0

    def _find(self, name: str) -> Made | None:
        return next((batch for batch in self._all() if batch.name == name), None)

    def _all(self) -> Iterator[Made]:
        after: str | None = None
        while True:
            variables = {"project": self._project, "from": after, "first": _PAGE}
            page = self._calls.ask(_LIST, variables, BatchesOfProject, batches=True).project.batches
            yield from (Made(batch.id, batch.name or "", batch.size or 0) for batch in page.nodes or ())
            after = next_page(after, page.page_info.end_cursor if page.page_info else None)
            if not after or not page.nodes:
                return
