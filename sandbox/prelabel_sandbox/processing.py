"""The import job: RUNNING with rising progress, each line judged, then FINISHED or FAILED with its files."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from prelabel_sandbox.checks import Bad, canonical, check_line
from prelabel_sandbox.faults import Fault, Faults
from prelabel_sandbox.ontology import level_of
from prelabel_sandbox.store import Import, Store, data_row_id, new_id

_SLICE = 2000  # lines in one transaction: between two, requests are answered
_log = logging.getLogger(__name__)


@dataclass
class Clock:
    """How long an import takes at least."""

    seconds_per_import: float = 0.2


class Processor:
    """A thread that processes running imports in the order they came."""

    def __init__(self, store: Store, faults: Faults, clock: Clock) -> None:
        self._store = store
        self._faults = faults
        self._clock = clock
        self._wake = threading.Event()
        self._stopped = False
        self._stuck: dict[str, Fault] = {}
        self._thread = threading.Thread(target=self._run, name="processor", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier process had accepted and not finished."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the slice at hand; the import is processed again by the next process."""
        self._stopped = True
        self._wake.set()
        self._thread.join(5)

    def wake(self) -> None:
        """There is a new import."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            wait = 1.0
            for item in self._store.running():
                due = item.created + self._clock.seconds_per_import - time.time()
                if due > 0:
                    wait = min(wait, due)
                elif not self._stopped and not self._is_stuck(item):
                    self._process(item)
                    wait = 0.0
            self._wake.wait(max(wait, 0.001))
            self._wake.clear()

    def _is_stuck(self, item: Import) -> bool:
        known = self._stuck.get(item.id)
        if known is None:
            fault = self._faults.strike("process", item.project_id, "stuck-running")
            if fault is None:
                return False
            self._stuck[item.id] = fault
            known = fault
        return known.until is None or not known.spent()

    def _process(self, item: Import) -> None:
        try:
            body = self._store.body(item.id)
            if self._faults.strike("process", item.project_id, "failed-import", content=body):
                raise ValueError("the import could not be processed")
            judge = _Judge(self._store, self._faults, item, body)
            judge.run(lambda: self._stopped)
            if not self._stopped:
                self._store.end_import(item.id, "FINISHED", b"".join(judge.status), b"".join(judge.errors))
        except ValueError as error:
            reason = orjson.dumps({"error": str(error)[:500]}) + b"\n"
            self._store.end_import(item.id, "FAILED", None, reason)
        except Exception:
            _log.exception("import %s cannot be processed", item.id)
            self._store.end_import(item.id, "FAILED", None, b'{"error":"internal"}\n')


@dataclass
class _Judge:
    """Judges the lines of one import."""

    store: Store
    faults: Faults
    item: Import
    body: bytes
    status: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)

    def run(self, stopped: Any) -> None:
        project = self.store.project(self.item.project_id)
        if project is None:
            raise ValueError("the project is gone")
        self.any_rows = project.any_rows
        self.ids, self.keys = self.store.data_rows(project.id)
        self.tools = level_of(project.ontology["tools"])
        self.classifications = level_of(project.ontology["classifications"])
        self.row_failure = self.faults.strike("process", project.id, "row-failure", content=self.body)
        lines = list(_parsed(self.body))
        self.uuids: dict[Any, set[str]] = {}
        for _, line in lines:
            self.uuids.setdefault(_row_of(line), set()).add(canonical(line.get("uuid")))
        for start in range(0, len(lines), _SLICE):
            if stopped():
                return
            part = lines[start : start + _SLICE]
            accepted = [pair for raw, line in part if (pair := self._judge(raw, line)) is not None]
            self.store.add_pre_labels(self.item, accepted, 100 * (start + len(part)) // (len(lines) + 1))

    def _judge(self, raw: bytes, line: dict[str, Any]) -> tuple[str, bytes] | None:
        uuid = str(line.get("uuid") or new_id())
        data_row: dict[str, Any] = {}
        try:
            data_row = self._data_row(line.get("dataRow"))
            if self.row_failure is not None:
                _injected(self.row_failure, data_row)
            check_line(line, self.tools, self.classifications, self.uuids[_row_of(line)])
        except Bad as bad:
            error = {"name": bad.name, "message": str(bad), "additionalInfo": None}
            verdict = orjson.dumps({"uuid": uuid, "dataRow": data_row, "status": "FAILURE", "errors": [error]}) + b"\n"
            self.status.append(verdict)
            self.errors.append(verdict)
            return None
        self.status.append(orjson.dumps({"uuid": uuid, "dataRow": data_row, "status": "SUCCESS"}) + b"\n")
        return canonical(uuid), raw

    def _data_row(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict) or len(given) != 1 or not isinstance(next(iter(given.values())), str):
            raise Bad("ValidationError", "{'dataRow': {'id': ['Missing data for required field.']}}")
        ((word, value),) = given.items()
        if word not in ("id", "globalKey") or not value:
            raise Bad("ValidationError", f"{{'dataRow': {{'{word}': ['Unknown field.']}}}}")
        if self.any_rows:
            found = (
                {"id": value} if word == "id" else {"id": data_row_id(self.item.project_id, value), "globalKey": value}
            )
        elif word == "id" and value in self.keys:
            found = {"id": value, "globalKey": self.keys[value]}
        elif word == "globalKey" and value in self.ids:
            found = {"id": self.ids[value], "globalKey": value}
        else:
            raise Bad("DataRowNotFound", f"dataRow.{word} {value} invalid")
        return found


def _parsed(body: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Lines split on \\n only. Raises ValueError for a file that is not NDJSON."""
    for number, raw in enumerate(body.split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise ValueError(f"line {number} is not JSON") from None
        if not isinstance(line, dict):
            raise ValueError(f"line {number} is not an object")
        yield raw, line


def _row_of(line: dict[str, Any]) -> Any:
    row = line.get("dataRow")
    return (
        tuple(sorted(row.items(), key=str))
        if isinstance(row, dict) and all(isinstance(v, str) for v in row.values())
        else None
    )


def _injected(fault: Fault, data_row: dict[str, Any]) -> None:
    """Fail the rows whose global key or id contains `match`; all rows without one."""
    match = str(fault.options.get("match", ""))
    if any(match in str(value) for value in data_row.values()):
        name = str(fault.options.get("error", "InvalidAnnotation"))
        raise Bad(name, str(fault.options.get("message", "injected")))
