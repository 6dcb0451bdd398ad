"""Look up data rows by global key, and add new ones (docs/reference/labelbox-api.md#2-3, #2-4, #2-7)."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from prelabel_worker.labelbox.errors import Garbled
from prelabel_worker.labelbox.response_types import (
    FailedPage,
    KeysFound,
    KeysLookedUp,
    KeysResult,
    KeysState,
    Processed,
    Upserted,
)
from prelabel_worker.setup.calls import Calls, next_page
from prelabel_worker.setup.tasks import StillRunning

LOOKED_UP_TOGETHER = 20_000
"""Maximum number of global keys in one look-up: the same as in a library that Labelbox published."""
ASKED_TOGETHER = 100_000
"""Maximum number of data rows in one request that asks whether they are processed."""
_LOOK_UP = "query DataRowsOfKeys($keys: [ID!]!) { dataRowsForGlobalKeys(where: {ids: $keys}) { jobId } }"
_LOOKED_UP = (
    "query DataRowsOfKeysResult($job: ID!) { dataRowsForGlobalKeysResult(jobId: {id: $job}) { "
    "data { fetchedDataRows { id } notFoundGlobalKeys accessDeniedGlobalKeys } jobStatus } }"
)
_PROCESSED = (
    "query Processed($ids: [ID!]) { queryAllDataRowsHaveBeenProcessed(dataRowIds: $ids) "
    "{ allDataRowsHaveBeenProcessed } }"
)
_ADD = "mutation AddDataRows($uri: String!) { upsertDataRows(data: {manifestUri: $uri}) { id status type } }"
_FAILED = (
    "query FailedRows($task: ID!, $first: Int, $from: String) { failedDataRowImports(data: {taskId: $task, "
    "first: $first, from: $from}) { after results { message spec { globalKey } } } }"
)
_PAGE = 5000
_FIRST_LOOK_SECONDS, _LOOK_SECONDS, _PROCESSED_SECONDS = 0.2, 2.0, 30.0
_LOOK_UP_SECONDS = 300.0


@dataclass(slots=True)
class LookUp:
    """The result of a look-up: ids by global key, keys without a data row, and keys that may not be seen."""

    ids: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)


class DataRows:
    """The data rows that a key may see."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def look_up(self, global_keys: Sequence[str]) -> LookUp:
        """Look up these global keys. Raises RequestError, StillRunning, Stopped."""
        result = LookUp()
        for at in range(0, len(global_keys), LOOKED_UP_TOGETHER):
            self._look_up(global_keys[at : at + LOOKED_UP_TOGETHER], result)
        return result

    def wait_until_processed(
        self, ids: Sequence[str], seconds: float, show: Callable[[int], None] = lambda done: None
    ) -> None:
        """Wait until all of these are processed: Labelbox would lose an unprocessed row from a batch.

        Raises RequestError, StillRunning, Stopped.
        """
        deadline, done = time.monotonic() + seconds, 0
        wait = _FIRST_LOOK_SECONDS
        while done < len(ids):
            part = list(ids[done : done + ASKED_TOGETHER])
            answer = self._calls.ask(_PROCESSED, {"ids": part}, Processed).answer
            if answer and answer.all_data_rows_have_been_processed:
                done += len(part)
                show(done)
                continue
            if time.monotonic() + wait > deadline:
                raise StillRunning(f"Labelbox has not processed all data rows after {seconds:.0f} s")
            self._calls.sleep(wait)
            wait = min(wait * 1.5, _PROCESSED_SECONDS)

    def add(self, rows: Sequence[dict[str, Any]]) -> str:
        """Begin to add rows and return the task. Raises RequestError; with `maybe_accepted` a task may have begun."""
        chunk = orjson.dumps([{"id": {"type": "AUTO", "value": ""}, "payload": row} for row in rows])
        uri = self._upload("data-rows.json", chunk)
        manifest = orjson.dumps({"source": "SDK", "item_count": len(rows), "chunk_uris": [uri]})
        return self._calls.create(_ADD, {"uri": self._upload("manifest.json", manifest)}, Upserted).upsert_data_rows.id

    def failed(self, task_id: str) -> Iterator[tuple[str, str]]:
        """Yield the global key of each row that a task did not add, and the reason; either may be empty."""
        after: str | None = None
        while True:
            variables = {"task": task_id, "first": _PAGE, "from": after}
            page = self._calls.ask(_FAILED, variables, FailedPage).page
            for row in page.results or ():
                yield (row.spec and row.spec.global_key) or "", row.message or ""
            after = next_page(after, page.after)
            if not after:
                return

    def _upload(self, name: str, content: bytes) -> str:
        return self._calls.upload(name, lambda: [content], len(content), "application/json")

    def _look_up(self, keys: Sequence[str], result: LookUp) -> None:
        data = self._looked_up(list(keys))
        missing, denied = data.not_found_global_keys or [], set(data.access_denied_global_keys or [])
        fetched = data.fetched_data_rows or []
        absent = denied.union(missing)
        # Rows come in the order of the keys. A key without a row has either an empty id or no entry.
        row_keys = list(keys) if len(fetched) == len(keys) else [key for key in keys if key not in absent]
        if len(row_keys) != len(fetched):
            raise Garbled("the look-up returned another number of data rows than it was asked for")
        result.ids |= {key: row.id for key, row in zip(row_keys, fetched, strict=True) if row.id}
        result.missing += [key for key in keys if key not in result.ids and key not in denied]
        result.denied += [key for key in keys if key in denied]

    def _looked_up(self, keys: list[str]) -> KeysFound:
        job_id = self._calls.ask(_LOOK_UP, {"keys": keys}, KeysLookedUp).job.job_id
        deadline = time.monotonic() + _LOOK_UP_SECONDS
        wait = _FIRST_LOOK_SECONDS
        while True:
            answer = self._calls.ask(_LOOKED_UP, {"job": job_id}, KeysResult).result or KeysState()
            if answer.job_status == "COMPLETE" and answer.data:
                return answer.data
            if answer.job_status == "FAILED":
                raise Garbled("Labelbox's look-up of global keys failed")
            if time.monotonic() + wait > deadline:
                raise StillRunning(f"Labelbox's look-up of global keys still runs after {_LOOK_UP_SECONDS:.0f} s")
            self._calls.sleep(wait)
            wait = min(wait * 1.5, _LOOK_SECONDS)
