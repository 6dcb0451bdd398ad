"""`/_sandbox/*`: the sandbox's own control, without a key and from this machine only."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prelabel_sandbox.ontology import stamped
from prelabel_sandbox.store import Project

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "testclient"}
_NAMES = ("refuse", "newest", "oldest")


def _loopback_only(handler: Any) -> Any:
    async def guarded(request: Request) -> Response:
        if request.client is None or request.client.host not in _LOOPBACK:
            return JSONResponse({"error": "the sandbox is controlled from its own machine only"}, 403)
        try:
            answer: Response = await handler(request)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return answer

    return guarded


async def health(_: Request) -> Response:
    """It answers."""
    return JSONResponse({"status": "ok"})


async def put_project(request: Request) -> Response:
    """Create a project, or replace its ontology and data rows."""
    given = await request.json()
    project_id = given.get("id")
    if not isinstance(project_id, str) or not project_id:
        raise ValueError("id: expected a string")
    rows = given.get("dataRows", "any")
    if rows != "any" and not (isinstance(rows, list) and all(isinstance(key, str) for key in rows)):
        raise ValueError('dataRows: expected an array of global keys, or "any"')
    ontology = stamped(given.get("ontology") or {}, project_id)
    project = Project(
        project_id, str(given.get("name") or project_id), given.get("mediaType") or "IMAGE", ontology, rows == "any"
    )
    request.app.state.sandbox.store.put_project(project, [] if rows == "any" else rows)
    return JSONResponse({"id": project_id, "ontology": ontology})


async def projects(request: Request) -> Response:
    """All project ids."""
    return JSONResponse(request.app.state.sandbox.store.projects())


async def pre_labels(request: Request) -> Response:
    """The lines that stand in a project, as received, one for each uuid."""
    lines = request.app.state.sandbox.store.pre_labels(request.path_params["project_id"])
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/x-ndjson; charset=utf-8")


async def requests(request: Request) -> Response:
    """The requests so far, with their times."""
    return JSONResponse(list(request.app.state.sandbox.requests))


async def add_fault(request: Request) -> Response:
    """Switch a fault on."""
    fault = request.app.state.sandbox.faults.add(await request.json())
    return JSONResponse({"fault": fault.name, "operations": fault.operations})


async def clear_faults(request: Request) -> Response:
    """Switch all faults off."""
    request.app.state.sandbox.faults.clear()
    return JSONResponse({"faults": []})


async def change_settings(request: Request) -> Response:
    """Change what can be changed while it runs."""
    sandbox, given = request.app.state.sandbox, await request.json()
    if given.get("duplicateNames", "refuse") not in _NAMES:
        raise ValueError(f"duplicateNames: expected one of {', '.join(_NAMES)}")
    sandbox.settings.duplicate_names = given.get("duplicateNames", sandbox.settings.duplicate_names)
    sandbox.settings.requests_per_minute = int(given.get("requestsPerMinute", sandbox.settings.requests_per_minute))
    sandbox.clock.seconds_per_import = float(given.get("secondsPerImport", sandbox.clock.seconds_per_import))
    return JSONResponse({"settings": "changed"})


ROUTES = [
    Route("/_sandbox/health", _loopback_only(health)),
    Route("/_sandbox/projects", _loopback_only(put_project), methods=["POST"]),
    Route("/_sandbox/projects", _loopback_only(projects), methods=["GET"]),
    Route("/_sandbox/projects/{project_id}/pre-labels", _loopback_only(pre_labels)),
    Route("/_sandbox/requests", _loopback_only(requests)),
    Route("/_sandbox/faults", _loopback_only(add_fault), methods=["POST"]),
    Route("/_sandbox/faults", _loopback_only(clear_faults), methods=["DELETE"]),
    Route("/_sandbox/settings", _loopback_only(change_settings), methods=["POST"]),
]
