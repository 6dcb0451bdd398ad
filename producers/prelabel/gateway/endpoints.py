"""The answers to requests about rows: who sends them, what they hold, and what became of it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from prelabel.access_tokens import TooManyFailures
from prelabel.gateway import events
from prelabel.gateway.bodies import Rows, document_of, lines_of, many, one_or_many, packing_of, unpacked, whole_of
from prelabel.gateway.gateway import Gateway, log
from prelabel.gateway.inference import is_inference
from prelabel.gateway.intake import Intake, Read, reader_of_events, reader_of_messages
from prelabel.gateway.problems import Problem
from prelabel.gateway.results import Results, answer, problem_answer
from prelabel.gateway.tokens import token_in
from prelabel.printing import printable

_PRIVATE = ("authorization", "cookie", "proxy-authorization")
"""Headers that no template can read: they would put a secret into a global key."""
NDJSON = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
)
_JSON = ("application/json", "text/json", "")
Plan = tuple[Read, Callable[[AsyncIterator[bytes]], Rows]]
"""How a body is cut into rows, and how a row becomes messages."""


async def predictions(request: Request) -> Response:
    """Answer `POST /v1/predictions`."""
    return await _answer(request, _plan_of_predictions, by_disk=False)


async def cloud_events(request: Request) -> Response:
    """Answer `POST /v1/events`: by way of the disk, since its senders do not wait and do not repeat."""
    return await _answer(request, _plan_of_events, by_disk=True)


async def _answer(request: Request, plan_of: Callable[[Request, Gateway], Plan], *, by_disk: bool) -> Response:
    gateway: Gateway = request.app.state.gateway
    began = time.monotonic()
    token, results = "", Results()
    gateway.metrics.in_progress += 1
    try:
        token = _admitted(request, gateway)
        problem = await _take(request, gateway, results, plan_of(request, gateway))
        if problem is not None and not results.rows:
            raise problem
        seconds = gateway.settings.limits.answer_seconds
        results.settle(await gateway.publisher.settle(results.projects, seconds, by_disk=by_disk))
        response = answer(results, problem, busy=not gateway.publisher.redis_is_away)
    except Problem as refused:
        response = problem_answer(refused)
        if refused.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="prelabel", Basic realm="prelabel"'
    finally:
        gateway.metrics.in_progress -= 1
    _record(request, gateway, response, results, token, time.monotonic() - began)
    return response


def _admitted(request: Request, gateway: Gateway) -> str:
    """Return the name of the request's token. Raises Problem for a request that must not be read."""
    limits = gateway.settings.limits
    address = request.client.host if request.client else ""
    token = token_in(request.headers.get("authorization", ""))
    try:
        name = gateway.tokens.holder(token, address) if token else None
    except TooManyFailures as error:
        raise Problem(429, str(error), error.seconds) from None
    if name is None:
        raise Problem(401, "expected a token that this gateway knows: Authorization: Bearer …")
    if gateway.stopping:
        raise Problem(503, "this gateway ends: send the request again", 1)
    if gateway.metrics.in_progress > limits.requests:
        raise Problem(429, f"{limits.requests} requests are being answered already: send this one again", 1)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limits.body_bytes:
        raise Problem(413, f"the body has more than {limits.body_bytes:,} bytes: send fewer rows in a request")
    return name


async def _take(request: Request, gateway: Gateway, results: Results, plan: Plan) -> Problem | None:
    """Take the rows of the body; return why not all of it was read, or None."""
    limits, (read, cut) = gateway.settings.limits, plan
    intake = Intake(gateway.publisher, read, limits, results)
    packing = packing_of(request.headers.get("content-encoding", ""))
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for rows in cut(unpacked(_received(request, gateway), packing, limits)):
                for number, line in rows:
                    await intake.take(number, line)
    except TimeoutError:
        return Problem(408, f"the body did not come within {limits.body_seconds:g} s: send fewer rows in a request")
    except ClientDisconnect:
        return Problem(400, "the connection was closed before the end of the body")
    except Problem as problem:
        return problem
    return None


async def _received(request: Request, gateway: Gateway) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        gateway.metrics.received_bytes += len(chunk)
        yield chunk


def _plan_of_predictions(request: Request, gateway: Gateway) -> Plan:
    kind = _content_type(request)
    if "cloudevents" in kind or events.is_binary(request.headers):
        raise Problem(415, "expected messages, found a CloudEvent: send it to /v1/events")
    mapping = gateway.settings.mapping
    read = reader_of_messages(gateway.publisher, mapping, _headers(request))
    if is_inference(request.headers):
        if mapping is None or mapping.output is None:
            raise Problem(415, "Inference-Header-Content-Length: binary tensors need --mapping FILE with [output]")
        return read, whole_of
    if kind in NDJSON:
        return read, lines_of
    if kind in _JSON:
        return read, one_or_many
    raise Problem(415, f"Content-Type: expected application/json or application/x-ndjson, found {kind!r}")


def _plan_of_events(request: Request, gateway: Gateway) -> Plan:
    kind, headers = _content_type(request), _headers(request)

    def read(event_of: Callable[[bytes], events.Event]) -> Read:
        return reader_of_events(gateway.publisher, gateway.settings.mapping, event_of)

    if kind == events.STRUCTURED:
        return read(lambda raw: events.read_structured(raw, headers)), document_of
    if kind == events.BATCH:
        return read(lambda raw: events.read_structured(raw, headers)), many
    if events.is_binary(headers):
        return read(lambda raw: events.read_binary(headers, raw)), whole_of
    raise Problem(415, f"expected a CloudEvent: headers ce-…, or Content-Type: {events.STRUCTURED} or {events.BATCH}")


def _content_type(request: Request) -> str:
    """Return the media type of a request, in lower case, '' without one. Raises Problem for another charset."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    name, _, charset = parameters.strip().partition("=")
    if name.strip().lower() == "charset" and charset.strip().strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, f"Content-Type: expected charset utf-8, found {printable(charset[:80])!r}")
    return printable(kind.strip().lower()[:80])


def _headers(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in _PRIVATE}


def _record(
    request: Request, gateway: Gateway, response: Response, results: Results, token: str, seconds: float
) -> None:
    """Count and log an answer, without anything from the body."""
    counts, path, status = results.counts, request.url.path, response.status_code
    gateway.metrics.answered(path, status, seconds, counts, results.reasons)
    log(
        logging.INFO,
        "gateway.request",
        path=path,
        token=token,
        status=status,
        accepted=counts["accepted"],
        refused=counts["refused"],
        left_out=counts["left-out"],
        retry=counts["retry"],
        reasons=dict(results.reasons),
        milliseconds=round(seconds * 1000, 1),
    )
