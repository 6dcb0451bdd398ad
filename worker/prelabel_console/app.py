"""The ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prelabel_console.console import Console
from prelabel_console.endpoints import defect, message
from prelabel_console.gate import Gate
from prelabel_console.routes import ROUTES

_NOTHING = "There is nothing at this address. It may be misspelt, or what it showed is gone."


def make_app(console: Console) -> Starlette:
    """Return the application of a console, which ends the console's threads when it stops."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            console.stop()

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[Middleware(Gate, access=console.access)],
        exception_handlers={HTTPException: _answer_refused, Exception: _answer_defect},
    )
    app.state.console = console
    return app


async def _answer_refused(request: Request, error: Exception) -> Response:
    """Answer a request that no route answers, or whose form cannot be read."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    texts = {404: _NOTHING, 405: f"{request.method} is not answered here."}
    text = texts.get(status) or str(getattr(error, "detail", ""))
    if "text/html" in request.headers.get("accept", ""):
        response = message(request, status, "Nothing here" if status == 404 else "Not answered", text)
        response.headers.update(headers or {})
        return response
    return JSONResponse({"error": text}, status, headers)


async def _answer_defect(request: Request, error: Exception) -> Response:
    """Answer after a defect outside of the pages."""
    return defect(request, error)
