"""The routes: GraphQL with its faults, limits and keys; files; and the control of the sandbox itself."""

import asyncio
import hashlib
import json
import re
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ariadne import graphql_sync
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from prelabel_sandbox import control
from prelabel_sandbox.faults import Fault, Faults
from prelabel_sandbox.processing import Clock, Processor
from prelabel_sandbox.resolvers import Context, schema
from prelabel_sandbox.store import Store

_ROOT_FIELD = re.compile(r"\{\s*(?:\w+\s*:\s*)?(\w+)")
_MINUTE = 60.0
_LOGGED = 100_000


@dataclass
class Settings:
    """What can be changed while it runs, by `POST /_sandbox/settings`."""

    api_key: str | None = None
    requests_per_minute: int = 1500
    duplicate_names: str = "refuse"


@dataclass
class Sandbox:
    """One local Labelbox: its state, its faults, its log."""

    store: Store
    settings: Settings
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    base_url: str = ""
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_LOGGED))

    def __post_init__(self) -> None:
        self.processor = Processor(self.store, self.faults, self.clock)
        self.schema = schema()
        self._recent: dict[str, deque[float]] = {}

    def over_limit(self, key: str) -> float | None:
        """Seconds until this key may ask again, when it has used up its minute."""
        now = time.monotonic()
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        if len(recent) >= self.settings.requests_per_minute:
            return _MINUTE - (now - recent[0])
        recent.append(now)
        return None


def make_app(folder: Path, settings: Settings, clock: Clock) -> Starlette:
    """The ASGI application over the state in a folder."""
    sandbox = Sandbox(Store(folder), settings, clock)
    app = Starlette(
        routes=[
            Route("/graphql", graphql, methods=["POST"]),
            Route("/_gql", graphql, methods=["POST"]),
            Route("/files/{import_id}/{secret}/{kind}.ndjson", file, methods=["GET", "HEAD"]),
            *control.ROUTES,
        ]
    )
    app.state.sandbox = sandbox
    return app


async def graphql(request: Request) -> Response:
    """One GraphQL request, as JSON or multipart."""
    sandbox: Sandbox = request.app.state.sandbox
    started = time.time()
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    entry: dict[str, Any] = {"time": started, "key": _fingerprint(key), "operation": None, "projectId": None}
    sandbox.requests.append(entry)
    response = await _answer(sandbox, request, key, entry)
    entry |= {"status": response.status_code, "seconds": round(time.time() - started, 4)}
    return response


async def _answer(sandbox: Sandbox, request: Request, key: str, entry: dict[str, Any]) -> Response:
    try:
        body = await _body(request)
    except (ValueError, KeyError) as error:
        return _error("MALFORMED_REQUEST", f"the request cannot be read: {error}")
    found = _ROOT_FIELD.search(str(body.get("query")))
    entry["operation"] = found[1] if found else None
    entry["projectId"] = project = _project(body.get("variables") or {})
    operation = "create" if str(entry["operation"]).startswith("create") else "query"
    if not key or (sandbox.settings.api_key is not None and key != sandbox.settings.api_key):
        return _error("AUTHENTICATION_ERROR", "Invalid API key")
    wait = sandbox.over_limit(key)
    if wait is not None:
        return _throttled(sandbox.settings.requests_per_minute, wait)
    size = int(request.headers.get("content-length", 0))
    fault = sandbox.faults.strike(operation, project, size=size)
    early = await _before(fault)
    if early is not None:
        return early
    context = Context(sandbox.store, sandbox.processor, sandbox.base_url, sandbox.settings.duplicate_names)
    _, result = await run_in_threadpool(graphql_sync, sandbox.schema, body, context_value=context)
    if fault is not None and fault.name == "accept-then-time-out":
        await asyncio.sleep(float(fault.options.get("hold", 120)))
    # Without errors there is no such key: null would break the official client.
    return JSONResponse({name: value for name, value in result.items() if name != "errors" or value})


async def _before(fault: Fault | None) -> Response | None:
    """What a fault answers instead of executing the request."""
    if fault is None:
        return None
    if fault.name == "latency":
        await asyncio.sleep(float(fault.options.get("latency", 2)))
    elif fault.name == "429":
        retry_after = fault.options.get("retryAfter", 1)
        return _throttled(0, retry_after)
    elif fault.name == "413":
        return PlainTextResponse("<html>413 Request Entity Too Large</html>", 413)
    elif fault.name == "403-html":
        return PlainTextResponse("<html>blocked</html>", 403)
    elif fault.name in ("500", "502", "503"):
        retry_after = fault.options.get("retryAfter")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return PlainTextResponse("upstream connect error or disconnect/reset before headers", int(fault.name), headers)
    elif fault.name == "reset":
        raise ConnectionResetError("injected")
    return None


async def file(request: Request) -> Response:
    """A status, error or input file, to whoever has its address; no credential."""
    sandbox: Sandbox = request.app.state.sandbox
    names = request.path_params
    content = await run_in_threadpool(sandbox.store.file, names["import_id"], names["secret"], names["kind"])
    if content is None:
        return PlainTextResponse("NoSuchKey", 404)
    return Response(content, media_type="application/x-ndjson; charset=utf-8")


async def _body(request: Request) -> dict[str, Any]:
    """The operation and its variables, with a file put where the map says."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        body = await request.json()
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return {"query": body.get("query"), "variables": body.get("variables") or {}}
    form = await request.form(max_part_size=64 * 1024 * 1024)
    operations, places = json.loads(str(form["operations"])), json.loads(str(form["map"]))
    files = {name.replace("%22", '"'): value for name, value in form.items() if isinstance(value, UploadFile)}
    for name, paths in places.items():
        # The official client writes quotes in part names as %22; the only file is meant when nothing fits.
        part = files.get(name) or (next(iter(files.values())) if len(files) == 1 else None)
        content = await part.read() if part is not None else None
        for path in paths:
            *way, last = path.split(".")
            target = operations
            for step in way:
                target = target[step]
            target[last] = content
    await form.close()
    return {"query": operations.get("query"), "variables": operations.get("variables") or {}}


def _project(variables: dict[str, Any]) -> str | None:
    """The project a request is about, whatever its variables are called: for faults and the log."""
    for name in ("projectId", "p", "p0", "param_0"):
        if isinstance(variables.get(name), str):
            return str(variables[name])
    return None


def _error(code: str, message: str) -> Response:
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})


def _throttled(limit: int, wait: Any) -> Response:
    headers = {} if wait is None else {"Retry-After": str(max(1, round(float(wait))))}
    return JSONResponse({"message": f"You have exceeded {limit} requests per minute"}, 429, headers)


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8] if key else ""
