"""`/_sandbox/*`: control of the sandbox, without a key and from this machine only."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.local_only import is_local
from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.sandbox import sandbox_of

Handler = Callable[[Request], Awaitable[Response]]
Text = Annotated[str, Meta(min_length=1)]
GlobalKey = Annotated[str, Meta(min_length=1, max_length=200)]


class PostedDataRow(Asset, rename="camel", frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data row as it is posted, with the known facts about its asset."""

    global_key: GlobalKey
    row_data: Text | None = None  # declared again here, so that `rename` applies to it too


class PostedProject(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A project as it is posted."""

    #: Any text; posting the same id again replaces the project.
    id: Text
    #: None: the id.
    name: Text | None = None
    #: In any spelling; None, as older projects have it, accepts all kinds.
    media_type: Text | None = "IMAGE"
    #: Distinguishes chats among conversational projects.
    editor_task_type: Text | None = None
    #: The tree as it is posted, without ids.
    ontology: dict[str, Any] = {}
    #: "any": every key or id that a line names is a data row.
    data_rows: list[GlobalKey | PostedDataRow] | Literal["any"] = "any"
    #: Whether labelers see its pre-labels.
    show_predictions_to_labelers: bool = True


def _guarded(handler: Handler) -> Handler:
    """Return the handler, wrapped: it answers 403 to other machines, and 400 with the reason to a wrong request."""

    async def guarded(request: Request) -> Response:
        if not is_local(request):
            return JSONResponse({"error": "the sandbox is controlled from its own machine only"}, 403)
        try:
            return await handler(request)
        except (ValueError, msgspec.ValidationError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded


async def health(_: Request) -> Response:
    """Answer that the sandbox runs."""
    return JSONResponse({"status": "ok"})


async def put_project(request: Request) -> Response:
    """Create a project, or replace its ontology and data rows."""
    posted = msgspec.convert(await request.json(), PostedProject)
    ontology = normalized(posted.ontology, posted.id)
    rows = None if posted.data_rows == "any" else dict(map(_row, posted.data_rows))
    projects = sandbox_of(request).store.projects
    name, shown = posted.name or posted.id, posted.show_predictions_to_labelers
    await run_in_threadpool(
        projects.put, posted.id, name, posted.media_type, ontology, rows, posted.editor_task_type, shown
    )
    return JSONResponse({"id": posted.id, "ontology": ontology})


def _row(posted: str | PostedDataRow) -> tuple[str, Asset]:
    if isinstance(posted, str):
        return posted, UNKNOWN
    return posted.global_key, Asset(**{name: getattr(posted, name) for name in Asset.__struct_fields__})


async def project_ids(request: Request) -> Response:
    """Answer the ids of all projects."""
    return JSONResponse(sandbox_of(request).store.projects.ids())


async def pre_labels(request: Request) -> Response:
    """Answer the pre-labels of a project as they were received, one line per uuid."""
    lines = sandbox_of(request).store.pre_labels.lines(request.path_params["project_id"])
    return StreamingResponse(iterate_in_threadpool(lines), media_type="application/x-ndjson; charset=utf-8")


async def labels(request: Request) -> Response:
    """Answer the ground truth of a project as it was received, one line per uuid."""
    lines = sandbox_of(request).store.labels.lines(request.path_params["project_id"])
    return StreamingResponse(iterate_in_threadpool(lines), media_type="application/x-ndjson; charset=utf-8")


async def requests(request: Request) -> Response:
    """Answer the log of requests, with their times."""
    return JSONResponse(sandbox_of(request).log.entries())


async def add_fault(request: Request) -> Response:
    """Switch a fault on."""
    sandbox = sandbox_of(request)
    fault = sandbox.faults.add(await request.json())
    sandbox.processor.wake()
    return JSONResponse(msgspec.to_builtins(fault))


async def clear_faults(request: Request) -> Response:
    """Switch all faults off; imports that a fault kept RUNNING are processed."""
    sandbox = sandbox_of(request)
    sandbox.faults.clear()
    sandbox.processor.wake()
    return JSONResponse({"faults": []})


async def change_settings(request: Request) -> Response:
    """Change settings while the sandbox runs, and answer all settings."""
    sandbox = sandbox_of(request)
    sandbox.settings.change(await request.json())
    sandbox.processor.wake()
    sandbox.runner.wake()
    return JSONResponse(msgspec.to_builtins(sandbox.settings))


ROUTES = [
    Route("/_sandbox/health", _guarded(health)),
    Route("/_sandbox/projects", _guarded(put_project), methods=["POST"]),
    Route("/_sandbox/projects", _guarded(project_ids)),
    Route("/_sandbox/projects/{project_id}/pre-labels", _guarded(pre_labels)),
    Route("/_sandbox/projects/{project_id}/labels", _guarded(labels)),
    Route("/_sandbox/requests", _guarded(requests)),
    Route("/_sandbox/faults", _guarded(add_fault), methods=["POST"]),
    Route("/_sandbox/faults", _guarded(clear_faults), methods=["DELETE"]),
    Route("/_sandbox/settings", _guarded(change_settings), methods=["POST"]),
]
