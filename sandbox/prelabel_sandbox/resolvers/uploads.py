"""File uploads: for chunks of data rows, manifests and local assets (docs/reference/labelbox-api.md#2-2)."""

from typing import Any

from ariadne import MutationType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.resolvers.common import Info, content_of

mutation = MutationType()
BINDABLES = (mutation,)


@mutation.field("uploadFile")
async def upload_file(_: Any, info: Info, file: Any, contentLength: int, sign: bool = False) -> dict[str, Any]:  # noqa: N803
    """Store a file; anyone who has its address may read it, signed or not."""
    sandbox = info.context
    uploaded = content_of(file, contentLength, strict=sandbox.settings.strict_content_length)
    secret = await run_in_threadpool(sandbox.store.uploads.keep, uploaded.filename, uploaded.content)
    return {"url": f"{sandbox.base_url}/uploads/{secret}", "filename": uploaded.filename}
