"""The workers: roles, versions, liveness."""

from collections import Counter
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.attention import STALLED_SECONDS
from prelabel_console.console import console_of
from prelabel_console.endpoints import page
from prelabel_console.render import render
from prelabel_worker.presence import missing_roles


def workers_page(request: Request) -> Response:
    """Answer the workers that ticked within the last minute, and say which of them are silent."""
    reading = console_of(request).overview.latest()
    workers = reading.value.workers
    alive = [worker for worker in workers if not worker.is_silent]
    return render(
        request,
        "workers.html",
        section="workers",
        age=reading.age_seconds,
        workers=workers,
        alive=len(alive),
        roles=Counter(worker.role for worker in alive),
        processes=sum(worker.concurrency for worker in alive),
        missing=missing_roles(workers),
        versions=sorted({worker.version for worker in workers}),
        own_version=version("prelabel"),
        stalled=STALLED_SECONDS,
    )


ROUTES = [page("/workers", workers_page, "workers")]
