"""Faults of GraphQL requests: each has a name, parameters and an effect.

To add one, add a class here; its tag is its name in the control API.
"""

import asyncio
from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from prelabel_sandbox.connections import cut
from prelabel_sandbox.faults.fault import Above0, Fault, Status

Operations = Literal["all", "create", "query"]


class RequestFault(Fault):
    """A fault of GraphQL requests: creates, queries or all."""

    operations: Operations = "all"

    def applies(self, size: int) -> bool:
        """Return whether the fault concerns a request of `size` bytes."""
        return True

    async def before(self, request: Request) -> Response | None:
        """Answer instead of executing the request, or let it pass."""

    async def after(self, request: Request) -> Response | None:
        """Replace the true answer after the request was executed, or let it pass."""


class Latency(RequestFault, tag="latency"):
    """Delay the execution."""

    latency: Above0 = 2.0

    async def before(self, request: Request) -> None:
        """Wait."""
        await asyncio.sleep(self.latency)


class BadStatus(RequestFault, tag="status"):
    """Answer as a proxy that cannot reach the service; the request is not executed."""

    status: Status = 503
    retry_after: float | None = None

    async def before(self, request: Request) -> Response:
        """Answer with a text, as a service mesh does."""
        text = "upstream connect error or disconnect/reset before headers"
        return PlainTextResponse(text, self.status, retry_headers(self.retry_after))


class Status500(BadStatus, tag="500"):
    """Answer with status 500."""

    status: Status = 500


class Status502(BadStatus, tag="502"):
    """Answer with status 502."""

    status: Status = 502


class Status503(BadStatus, tag="503"):
    """Answer with status 503."""


class Status504(BadStatus, tag="504"):
    """Answer with status 504."""

    status: Status = 504


class Throttled(RequestFault, tag="429"):
    """Answer that the rate limit is used up; with `status` 200, like a gateway that does not set the status."""

    status: Status = 429
    retry_after: float | None = 1.0

    async def before(self, request: Request) -> Response:
        """Answer with the message of the real gateway."""
        return too_many("You have exceeded the requests per minute", self.retry_after, self.status)


class TooLarge(RequestFault, tag="413"):
    """Answer as an edge proxy that refuses bodies of more than `bytes`."""

    operations: Operations = "create"
    bytes: Annotated[int, Meta(ge=0)] = 0

    def applies(self, size: int) -> bool:
        """Return whether the body is too large."""
        return size > self.bytes

    async def before(self, request: Request) -> Response:
        """Answer with an HTML page."""
        return HTMLResponse("<html><title>413 Request Entity Too Large</title></html>", 413)


class Blocked(RequestFault, tag="403-html"):
    """Answer as an edge proxy that blocks the client's address."""

    async def before(self, request: Request) -> Response:
        """Answer with an HTML page."""
        return HTMLResponse("<html><title>Sorry, you have been blocked</title></html>", 403)


class NotJson(RequestFault, tag="not-json"):
    """Answer 200 with a page, as an intermediate proxy does; the request is not executed."""

    async def before(self, request: Request) -> Response:
        """Answer with an HTML page."""
        return HTMLResponse("<html><title>Please sign in</title></html>")


class NullData(RequestFault, tag="null-data"):
    """Answer neither data nor errors; the request is not executed."""

    async def before(self, request: Request) -> Response:
        """Answer the smallest GraphQL response."""
        return JSONResponse({"data": None})


class Reset(RequestFault, tag="reset"):
    """Cut the connection before anything is executed."""

    operations: Operations = "create"

    async def before(self, request: Request) -> Response:
        """Cut the connection, so that no answer reaches the client."""
        cut(request)
        return Response(status_code=500)


class GraphqlError(RequestFault, tag="graphql-error"):
    """Answer with a GraphQL error and status 200; the request is not executed."""

    code: str = "INTERNAL_SERVER_ERROR"
    exception_status: int | None = None
    message: str = "injected"

    async def before(self, request: Request) -> Response:
        """Answer one error and no data."""
        extensions: dict[str, Any] = {"code": self.code}
        if self.exception_status is not None:
            extensions["exception"] = {"status": self.exception_status}
        return JSONResponse({"errors": [{"message": self.message, "extensions": extensions}], "data": None})


class AllowanceSpent(GraphqlError, tag="allowance-spent"):
    """Refuse creates as for a plan whose allowance of this month is used up.

    The code and the status are documented for a limit of the account (docs/reference/labelbox-api.md#symptom-15); the
    words are assumed.
    """

    operations: Operations = "create"
    exception_status: int | None = 426
    message: str = "Your organization has used all LBUs of its plan for this month"


class AcceptThenTimeOut(RequestFault, tag="accept-then-time-out"):
    """Execute the request; then hold the answer, cut the connection, or answer with another status."""

    operations: Operations = "create"
    hold: Above0 = 120.0
    cut: bool = False
    status: Status | None = None

    async def after(self, request: Request) -> Response | None:
        """Hide the outcome of the request from the client."""
        if self.status is not None:
            return PlainTextResponse("upstream request timeout", self.status)
        if self.cut:
            cut(request)
        else:
            await asyncio.sleep(self.hold)
        return None


def too_many(message: str, retry_after: float | None, status: int = 429) -> Response:
    """Return the gateway's answer to a request over the rate limit."""
    return JSONResponse({"message": message}, status, retry_headers(retry_after))


def retry_headers(seconds: float | None) -> dict[str, str]:
    """Return a Retry-After header in whole seconds, at least one."""
    return {} if seconds is None else {"Retry-After": str(max(1, round(seconds)))}
