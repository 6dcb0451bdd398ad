"""`POST /graphql` and `/_gql`: read the body, check key and rate limit, apply faults, then call the resolvers."""

import logging
from typing import Any

from ariadne import graphql
from graphql import GraphQLError, GraphQLSchema
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from prelabel_sandbox.errors import LabelboxError, formatted, malformed
from prelabel_sandbox.faults.requests import RequestFault, too_many
from prelabel_sandbox.http.operations import RequestSummary, checked, summary_of
from prelabel_sandbox.multipart import read_multipart
from prelabel_sandbox.requestlog import Entry
from prelabel_sandbox.sandbox import Sandbox, sandbox_of

# ariadne logs errors with their values, which may be payloads; `formatted` logs only the type of an error.
_silent = logging.Logger("silent", logging.CRITICAL + 1)


async def answer_graphql(request: Request) -> Response:
    """Answer one request and log it."""
    sandbox = sandbox_of(request)
    key = key_of(request)
    entry = sandbox.log.begin(key)
    try:
        response = await _answer(sandbox, request, key, entry)
    except GraphQLError as error:
        response = _refused([error])
    except ClientDisconnect:
        return Response(status_code=400)  # the client has gone before its body was complete: nobody reads this
    sandbox.log.end(entry, response.status_code)
    return response


async def _answer(sandbox: Sandbox, request: Request, key: str, entry: Entry) -> Response:
    body = await _body(request)
    schema: GraphQLSchema = request.app.state.schema
    document, errors = checked(schema, body["query"])
    summary = summary_of(document, body["variables"])
    if summary is not None:
        entry.operation, entry.fields = summary.operation, summary.fields
        entry.project_id = next(iter(summary.projects), None)
    early = gate(sandbox, key)
    if early is not None:
        return early
    if errors or summary is None:
        return _refused(list(errors) or [LabelboxError("GRAPHQL_VALIDATION_FAILED", "there is no operation")])
    fault = _fault(sandbox, summary, int(request.headers.get("content-length", 0)))
    if fault is not None:
        entry.fault = fault.name
        if (instead := await fault.before(request)) is not None:
            return instead
    _, result = await graphql(
        schema,
        body,
        query_document=document,
        query_validator=lambda *_, **__: [],  # `checked` has validated the query
        context_value=sandbox,
        error_formatter=formatted,
        logger=_silent,
    )
    instead = await fault.after(request) if fault is not None else None
    return instead or JSONResponse({"data": None, **result})


async def _body(request: Request) -> dict[str, Any]:
    """Return the query and its variables. Raises a LabelboxError with the code MALFORMED_REQUEST."""
    content_type = request.headers.get("content-type", "")
    try:
        if content_type.lower().startswith("multipart/form-data"):
            body = await read_multipart(content_type, request.stream())
        else:
            body = await request.json()
    except ValueError as error:
        raise malformed(f"the request cannot be read: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise malformed("the request has no query")
    variables = body.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise malformed("variables must be an object or null")
    return {"query": body["query"], "variables": variables or {}}


def key_of(request: Request) -> str:
    """Return the API key of a request, or ""."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def gate(sandbox: Sandbox, key: str) -> Response | None:
    """Check the key, then the limit; return the answer to a request over the limit. Raises a LabelboxError."""
    if not key or (sandbox.api_key is not None and key != sandbox.api_key):
        raise LabelboxError("AUTHENTICATION_ERROR", "Invalid API key")
    allowed = sandbox.settings.requests_per_minute
    wait = sandbox.limit.take(key, allowed)
    return None if wait is None else too_many(f"You have exceeded {allowed} requests per minute", wait)


def _fault(sandbox: Sandbox, summary: RequestSummary, size: int) -> RequestFault | None:
    def concerned(fault: RequestFault) -> bool:
        return fault.operations in ("all", summary.kind) and fault.applies(size)

    return sandbox.faults.apply(RequestFault, summary.projects, concerned)


def _refused(errors: list[GraphQLError]) -> Response:
    return JSONResponse({"errors": [formatted(error) for error in errors], "data": None})
