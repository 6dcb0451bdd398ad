"""Batches: data rows into a project, small ones at once, large ones by a task of Labelbox's.

Source: docs/reference/labelbox-api.md#2-7.

Names are unique in a project, so a batch that is there already tells that it was made before. That adding a data row
changes nothing where the batch, or another one of the project, has it is our assumption.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prelabel.errors import PrelabelError
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

MOST_ROWS = 100_000
"""Data rows in one batch."""
_SMALL = 1000
"""Below so many the batch is made with its rows in one request."""
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
    """A batch, how many rows it has, whether it was there before, and what was not added: ids, or why."""

    id: str
    name: str
    size: int
    before: bool = False
    failed: list[str] = field(default_factory=list)
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
        """A batch of these data rows, at most 100,000; one that is there and lacks rows is filled.

        `ours`: the name was made from these very rows, so a batch of it is this one. Of any other name only the number
        of rows says whether it is. Raises NameTaken, RequestError, StillRunning, Stopped; whatever it raises, it may be
        called again.
        """
        there = self._find(name)
        if there is None:
            if len(ids) < _SMALL:
                return self._small(name, ids)
            return self._fill(self._empty(name), name, ids, show)
        if there.size < len(ids):
            there.size = self._settled_size(there)
        if there.size == len(ids) or (ours and there.size > len(ids)):
            there.before = True
            return there
        if there.size and not ours:
            raise NameTaken(f"the project has a batch '{name}' of {there.size:,} data rows: give another name")
        return self._fill(there.id, name, ids, show)

    def _settled_size(self, there: Made) -> int:
        """A run that was cut off may have left a task that still fills the batch: wait until it stands still."""
        size, still = there.size, 0
        while still < _LOOKS:
            self._calls.sleep(_LOOK_SECONDS)
            now = self._size(there.id)
            size, still = now, still + 1 if now == size else 0
        return size

    def _small(self, name: str, ids: Sequence[str]) -> Made:
        given: dict[str, Any] = {"name": name, "dataRowIds": list(ids), "globalKeys": None}
        given |= {"priority": _PRIORITY, "consensusSettings": None}
        made = self._made(_CREATE, given, name)
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

    def _made(self, query: str, given: dict[str, Any], name: str) -> NewBatch | Made:
        """The answer; where that was lost, the batch of this name if there is one now."""
        try:
            variables = {"project": self._project, "input": given}
            made = self._calls.create(query, variables, NewBatchOfProject, batches=True).project
            if made is None or not (made.create_batch_v2 or made.create_empty_batch):
                raise Garbled("the answer names no batch", maybe_accepted=True)
            return made
        except RequestError as error:
            there = self._find(name) if error.maybe_accepted else None
            if there is None:
                raise
            return there

    def _fill(self, batch_id: str, name: str, ids: Sequence[str], show: Callable[[float], None]) -> Made:
        """Begun again when an answer is lost: what the batch has already is not added twice."""
        given = {"batchId": batch_id, "dataRowIds": list(ids), "globalKeys": None, "priority": _PRIORITY}
        variables = {"project": self._project, "input": given}
        begun = self._calls.ask(_ADD, variables, RowsToBatchOfProject, batches=True).project.begun
        task = self._tasks.wait(begun.task_id, self._seconds, lambda each: show(each.percent or 0.0))
        size = self._size(batch_id)
        return Made(batch_id, name, size, why="" if task.complete and size >= len(ids) else task.why)

    def _size(self, batch_id: str) -> int:
        variables = {"project": self._project, "batch": batch_id}
        nodes = self._calls.ask(_READ, variables, BatchesOfProject).project.batches.nodes
        if not nodes:
            raise Garbled("Labelbox does not know the batch that it has just made")
        return nodes[0].size or 0

    def _find(self, name: str) -> Made | None:
        return next((each for each in self._all() if each.name == name), None)

    def _all(self) -> Iterator[Made]:
        after: str | None = None
        while True:
            variables = {"project": self._project, "from": after, "first": _PAGE}
            page = self._calls.ask(_LIST, variables, BatchesOfProject, batches=True).project.batches
            yield from (Made(batch.id, batch.name or "", batch.size or 0) for batch in page.nodes or ())
            after = next_page(after, page.page_info.end_cursor if page.page_info else None)
            if not after or not page.nodes:
                return
