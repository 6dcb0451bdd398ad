"""Processes one import in slices of lines. Safe to start again after the process was killed."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from prelabel_sandbox.faults.active import ActiveFaults
from prelabel_sandbox.faults.imports import DoubledStatusLines, FailedImport, LostStatusLines, RowFailure
from prelabel_sandbox.jobs.judge import Judge, Line, Unreadable, lines_of
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.imports import Import

_SLICE = 2000  # lines judged and stored in one short transaction


def process(item: Import, store: Store, faults: ActiveFaults, settings: Settings) -> Iterator[None]:
    """Judge the file and end the import. Yields between slices, so that other imports can be processed."""
    content = store.imports.file(item, "input").read_bytes()
    failed = faults.apply(FailedImport, [item.project_id], lambda fault: fault.match.encode() in content)
    if failed is not None:
        fail(item, store, failed.message if failed.error_file else None)
        return
    try:
        lines = lines_of(content)
    except Unreadable as error:
        fail(item, store, str(error))
        return
    yield
    judge = _judge_of(item, store, faults, content, settings)
    printed = _printer(faults, item.project_id)
    judge.read_objects(content, lines)
    yield from _judge(item, store, judge, printed, content, lines)
    store.imports.end(item, "FINISHED")


def fail(item: Import, store: Store, reason: str | None) -> None:
    """End the import as FAILED, with an error file that holds the reason; None: without an error file."""
    if reason is not None:
        store.imports.file(item, "error").write_bytes(_printed({"error": reason}))
    store.imports.end(item, "FAILED")


def _judge_of(item: Import, store: Store, faults: ActiveFaults, content: bytes, settings: Settings) -> Judge:
    project = store.projects.get(item.project_id)
    if project is None:  # imports are accepted only for existing projects, so it was deleted since
        raise LookupError("the project is gone")
    failure = faults.apply(RowFailure, [project.id], lambda fault: fault.match.encode() in content)
    return Judge(item, project, store.projects, failure, settings)


def _printer(faults: ActiveFaults, project_id: str) -> Callable[[int, dict[str, Any]], bytes]:
    """Return a function that prints the verdict on the n-th line for the status file, with the faults that apply."""
    lost, doubled = (faults.apply(kind, [project_id]) for kind in (LostStatusLines, DoubledStatusLines))

    def printed(number: int, verdict: dict[str, Any]) -> bytes:
        if isinstance(lost, LostStatusLines) and number % lost.every == 0:
            return b""
        if isinstance(doubled, DoubledStatusLines) and number % doubled.every == 0:
            return _printed(verdict) + _printed({**verdict, "status": doubled.status})
        return _printed(verdict)

    return printed


def _judge(
    item: Import,
    store: Store,
    judge: Judge,
    printed: Callable[[int, dict[str, Any]], bytes],
    content: bytes,
    lines: list[Line],
) -> Iterator[None]:
    content_of_import = store.content_of(item)
    with (
        store.imports.file(item, "status").open("wb") as status,
        store.imports.file(item, "error").open("wb") as errors,
    ):
        for start in range(0, len(lines), _SLICE):
            part = lines[start : start + _SLICE]
            judged = list(judge.judge(content, part))
            for (number, _, _), (verdict, place) in zip(part, judged, strict=True):
                status.write(printed(number, verdict))
                if place is None:
                    errors.write(_printed(verdict))
            places = [place for _, place in judged if place is not None]
            if not content_of_import.put(item, places, (start + len(part)) / len(lines)):
                return
            yield


def _printed(verdict: dict[str, Any]) -> bytes:
    """Return a verdict as one line. U+2028 and U+2029 are escaped: the official client splits lines at them."""
    line = orjson.dumps(verdict, option=orjson.OPT_APPEND_NEWLINE)
    return line.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
