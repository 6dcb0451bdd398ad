"""`GET /files/<secret>/<kind>.ndjson`, `/exports/<secret>/<number>.ndjson`, `/uploads/<secret>`: files by address."""

import mimetypes
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from prelabel_sandbox.connections import cut
from prelabel_sandbox.faults.imports import FileFault
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.imports import File

# An uploaded page must not control the sandbox that serves it.
_FOREIGN = {"Content-Security-Policy": "sandbox"}
_FILES: dict[str, File] = {"input": "input", "status": "status", "error": "error"}


async def answer_file(request: Request) -> Response:
    """Send a file of an import, without any credential; 403 if its address has expired, 404 without such a file."""
    sandbox = sandbox_of(request)
    item = sandbox.store.imports.by_secret(request.path_params["secret"])
    file = _FILES.get(request.path_params["file"])
    if item is None or file is None or not item.has(file):
        raise HTTPException(404)
    fault = sandbox.faults.apply(FileFault, [item.project_id])
    if fault is not None and not fault.cut:
        return PlainTextResponse("injected", fault.status)
    if time.time() > (item.ended or item.created) + sandbox.settings.file_seconds:
        return PlainTextResponse("Request has expired", 403)
    path = sandbox.store.imports.file(item, file)
    if fault is not None:
        return StreamingResponse(_half(request, path), headers={"Content-Length": str(path.stat().st_size)})
    return FileResponse(path, media_type="application/x-ndjson; charset=utf-8")


async def answer_export(request: Request) -> Response:
    """Send a file of an export, without any credential; 403 if its address has expired."""
    sandbox, secret = sandbox_of(request), request.path_params["secret"]
    task, file = (
        sandbox.store.tasks.by_secret(secret),
        sandbox.store.exports.file(secret, request.path_params["number"]),
    )
    if task is None or file is None:
        raise HTTPException(404)
    if time.time() > task.updated + sandbox.settings.file_seconds:
        return PlainTextResponse("Request has expired", 403)
    return FileResponse(file, media_type="application/x-ndjson; charset=utf-8")


async def answer_upload(request: Request) -> Response:
    """Answer an upload without any credential. Its type follows from its name: clients declare unreliable types."""
    upload = sandbox_of(request).store.uploads.find(request.path_params["secret"])
    if upload is None:
        raise HTTPException(404)
    filename, path = upload
    media_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return FileResponse(path, media_type=media_type, headers=_FOREIGN)


async def _half(request: Request, path: Path) -> AsyncIterator[bytes]:
    """Send the first half of a file, then cut the connection."""
    content = path.read_bytes()
    yield content[: len(content) // 2]
    cut(request)
