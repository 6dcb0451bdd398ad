"""The answer at addresses where nothing is: a page for browsers, JSON for other clients."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prelabel_sandbox.local_only import is_local
from prelabel_sandbox.pages.web import render

_TITLE = "Nothing here"
_TEXT = "There is nothing at this address. It may be misspelt, or belong to a sandbox whose state was removed."


async def answer_unknown(request: Request, error: Exception) -> Response:
    """Answer a request that no route answers; the pages are shown to this machine only."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    if status == 404 and "text/html" in request.headers.get("accept", "") and is_local(request):
        return render(request, "message.html", status=404, title=_TITLE, text=_TEXT)
    reason = "there is nothing at this address" if status == 404 else f"{request.method} is not answered here"
    return JSONResponse({"error": reason}, status, headers)
