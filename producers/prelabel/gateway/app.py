"""The ASGI application of a gateway."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prelabel.gateway import metrics
from prelabel.gateway.endpoints import cloud_events, predictions
from prelabel.gateway.gateway import Gateway
from prelabel.gateway.openapi import document
from prelabel.gateway.results import JSON

CLOSE_SECONDS = 10.0
"""How long a gateway that ends waits for Redis."""
_log = logging.getLogger("prelabel.gateway")
_TEXTS = {404: "there is nothing at this address: see /openapi.json", 405: "this method is not answered here"}


def make_app(gateway: Gateway) -> Starlette:
    """Return the application of a gateway, which hands over all rows when it stops."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(gateway.watch_redis())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await gateway.close(CLOSE_SECONDS)

    app = Starlette(
        routes=[
            Route("/v1/predictions", predictions, methods=["POST"]),
            Route("/v1/events", cloud_events, methods=["POST"]),
            Route("/healthz", _healthz),
            Route("/metrics", _metrics),
            Route("/openapi.json", _openapi),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, Exception: _defect},
    )
    app.state.gateway = gateway
    return app


async def _healthz(request: Request) -> Response:
    """Answer 200 while requests are answered, also while Redis is away: a restart would not help."""
    gateway: Gateway = request.app.state.gateway
    publisher = gateway.publisher
    state = {
        "status": "stopping" if gateway.stopping else "ok",
        "redis": "away" if publisher.redis_is_away else "ok",
        "rowsInMemory": publisher.rows_in_memory,
        "rowsOnDisk": publisher.spooled_rows,
    }
    return Response(orjson.dumps(state), 503 if gateway.stopping else 200, media_type=JSON)


async def _metrics(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    return Response(gateway.metrics.text(gateway.gauges()), media_type=metrics.CONTENT_TYPE)


async def _openapi(_: Request) -> Response:
    return Response(orjson.dumps(document()), media_type=JSON)


async def _refused(_: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    text = _TEXTS.get(status) or str(getattr(error, "detail", ""))
    return Response(orjson.dumps({"error": text}), status, headers, JSON)


async def _defect(request: Request, error: Exception) -> Response:
    """Answer after a defect of ours; the server logs it."""
    return Response(
        orjson.dumps({"error": f"a defect of the gateway ({type(error).__name__}); its log has more"}), 500, None, JSON
    )
