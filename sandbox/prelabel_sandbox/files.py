"""`GET /files/<secret>/<kind>.ndjson`: input, status and error files, to whoever has the address."""

import time

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from prelabel_sandbox.faults.imports import FileFault
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.imports import File

_FILES: dict[str, File] = {"input": "input", "status": "status", "error": "error"}


async def answer_file(request: Request) -> Response:
    """A file without any credential; 403 when its address has expired, 404 when it never was one."""
    sandbox = sandbox_of(request)
    item = sandbox.store.imports.by_secret(request.path_params["secret"])
    file = _FILES.get(request.path_params["file"])
    if item is None or file is None or not item.has(file):
        return PlainTextResponse("NoSuchKey", 404)
    fault = sandbox.faults.strike(FileFault, [item.project_id])
    if fault is not None:
        return PlainTextResponse("injected", fault.status)
    if time.time() > (item.ended or item.created) + sandbox.settings.file_seconds:
        return PlainTextResponse("Request has expired", 403)
    return FileResponse(sandbox.store.imports.file(item, file), media_type="application/x-ndjson; charset=utf-8")
