"""A project's imports, and one import with its status lines, failures first."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from prelabel_sandbox.pages.paging import paging
from prelabel_sandbox.pages.web import Missing, project_of, render
from prelabel_sandbox.sandbox import Sandbox, sandbox_of
from prelabel_sandbox.store.imports import Import

_IMPORTS = 50
_LINES = 100
# As status files print it. It occurs nowhere else in a line: in a string, the quotes would be escaped.
_SUCCESS = b'"status":"SUCCESS"'


def imports_page(request: Request) -> Response:
    """Answer a project's imports, newest first."""
    project = project_of(request)
    sandbox = sandbox_of(request)
    browsing = sandbox.store.browsing
    pages = paging(request, _IMPORTS, browsing.import_count(project.id))
    page = browsing.imports(project.id, _IMPORTS, pages.skip)
    listed = [(item, sandbox.processor.progress(item), _refused_any(sandbox, item)) for item in page]
    return render(request, "imports.html", project=project, imports=listed, paging=pages)


def import_page(request: Request) -> Response:
    """Answer an import: its state, and the outcome of each line."""
    sandbox = sandbox_of(request)
    item = sandbox.store.browsing.import_by_id(request.path_params["import_id"])
    if item is None:
        raise Missing("There is no import with this id, or it was deleted.")
    status = sandbox.store.imports.file(item, "status") if item.state == "FINISHED" else None
    failures, successes = _counted(status, item.state) if status else (0, 0)
    pages = paging(request, _LINES, failures + successes)
    lines = _lines(status, failures, pages.skip) if status else []
    return render(
        request,
        "import.html",
        project=sandbox.store.projects.get(item.project_id),
        item=item,
        progress=sandbox.processor.progress(item),
        failures=failures,
        successes=successes,
        lines=lines,
        paging=pages,
        reason=_reason(sandbox, item),
    )


def _refused_any(sandbox: Sandbox, item: Import) -> bool:
    """Return whether lines of a finished import were refused: then its error file is not empty."""
    file = sandbox.store.imports.file(item, "error")
    return item.state == "FINISHED" and file.exists() and file.stat().st_size > 0


@lru_cache(maxsize=64)  # a file does not change once its import has ended
def _counted(status: Path, _: str) -> tuple[int, int]:
    """Return the numbers of failures and successes in a status file."""
    successes = total = 0
    with status.open("rb") as opened:
        for line in opened:
            total += 1
            successes += _SUCCESS in line
    return total - successes, successes


def _lines(status: Path, failures: int, skip: int) -> list[dict[str, Any]]:
    """Return a page of status lines, failures first. Reads the file a second time only if successes are on the page."""
    refused = _matching(status, success=False) if skip < failures else iter(())
    accepted = _matching(status, success=True) if skip + _LINES > failures else iter(())
    start = skip if skip < failures else skip - failures
    return [orjson.loads(line) for line in islice(chain(refused, accepted), start, start + _LINES)]


def _matching(status: Path, *, success: bool) -> Iterator[bytes]:
    with status.open("rb") as opened:
        for line in opened:
            if (_SUCCESS in line) is success:
                yield line


def _reason(sandbox: Sandbox, item: Import) -> str | None:
    """Return why a whole import failed, or None if it did not fail or has no error file."""
    file = sandbox.store.imports.file(item, "error")
    if item.state != "FAILED" or not file.exists():
        return None
    content: Any = orjson.loads(file.read_bytes())
    return str(content.get("error"))
