"""The OpenAPI document of the gateway, in version 3.1."""

from functools import cache
from typing import Any

from prelabel.annotations.kinds import KINDS
from prelabel.errors import Reason
from prelabel.gateway import events
from prelabel.ids import MAX_PROJECT_ID, PROJECT_ID
from prelabel.messages import MAX_GLOBAL_KEY, MAX_ID, VERSION
from prelabel.version import __version__

_Json = dict[str, Any]
_PACKINGS = ["gzip", "zstd", "identity"]


@cache
def document() -> _Json:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "prelabel gateway",
            "version": __version__,
            "summary": "Publish model predictions as Labelbox pre-labels over HTTP.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"basic": []}],
        "paths": {
            "/v1/predictions": {"post": _predictions()},
            "/v1/events": {"post": _events()},
            "/healthz": {"get": _read("Whether it answers, and how many rows it holds.", "Health", "503")},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _read("This document.", None)},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The password is the token."},
            },
            "schemas": {
                "Message": _message(),
                "CloudEvent": _cloud_event(),
                "Answer": _answer(),
                "Result": _result(),
                "Problem": _object({"error": {"type": "string"}}, ["error"]),
                "Health": _object(
                    {
                        "status": {"enum": ["ok", "stopping"]},
                        "redis": {"enum": ["ok", "away"]},
                        "rowsInMemory": {"type": "integer", "minimum": 0},
                        "rowsOnDisk": {"type": "integer", "minimum": 0},
                    },
                    ["status", "redis", "rowsInMemory", "rowsOnDisk"],
                ),
            },
        },
    }


def _predictions() -> _Json:
    one = _ref("Message")
    return {
        "summary": "Publish messages: one, an array, or one a line.",
        "description": (
            "With a mapping that has [output], also an answer of KServe's protocol v2 with binary tensors behind its "
            "JSON, whose bytes Inference-Header-Content-Length counts."
        ),
        "operationId": "publishPredictions",
        "parameters": [_packing(), _json_length()],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [one, {"type": "array", "items": one}]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": _responses(),
    }


def _events() -> _Json:
    event = _ref("CloudEvent")
    return {
        "summary": "Publish CloudEvents 1.0, whose data is a message or what the mapping reads.",
        "description": "In binary mode, the attributes are headers ce-… and the body is the data.",
        "operationId": "publishEvents",
        "parameters": [_packing()],
        "requestBody": {
            "required": True,
            "content": {
                events.STRUCTURED: {"schema": event},
                events.BATCH: {"schema": {"type": "array", "items": event}},
            },
        },
        "responses": _responses(),
    }


def _packing() -> _Json:
    return {"name": "Content-Encoding", "in": "header", "required": False, "schema": {"enum": _PACKINGS}}


def _json_length() -> _Json:
    schema = {"type": "integer", "minimum": 0}
    return {"name": "Inference-Header-Content-Length", "in": "header", "required": False, "schema": schema}


def _responses() -> _Json:
    answer = _content({"anyOf": [_ref("Answer"), _ref("Problem")]})
    problem = _content(_ref("Problem"))
    again = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}}
    return {
        "200": {
            "description": "Each accepted row is safe; `results` says what became of each.",
            **_content(_ref("Answer")),
        },
        "400": {"description": "The body cannot be read, or not to its end.", **answer},
        "401": {
            "description": "No token, or one that is not known.",
            "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
            **problem,
        },
        "408": {"description": "The body did not come in time.", **answer},
        "413": {"description": "More bytes or rows than a request may have.", **answer},
        "415": {"description": "A content type, charset or encoding that is not read.", **problem},
        "422": {"description": "No row can be published; `results` says why.", **_content(_ref("Answer"))},
        "429": {"description": "Too much at a time: send the rows with `retry` again.", "headers": again, **answer},
        "503": {"description": "Redis is away: send the rows with `retry` again.", "headers": again, **answer},
    }


def _read(summary: str, schema: str | None, other: str = "") -> _Json:
    content = _content(_ref(schema) if schema else {"type": "object"})
    responses = {status: {"description": summary, **content} for status in ("200", other) if status}
    return {"summary": summary, "security": [], "responses": responses}


def _metrics() -> _Json:
    content = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "summary": "Metrics for Prometheus.",
        "security": [],
        "responses": {"200": {"description": "Text.", **content}},
    }


def _message() -> _Json:
    data_row = {
        "type": "object",
        "oneOf": [
            _object({"globalKey": {"type": "string", "minLength": 1, "maxLength": MAX_GLOBAL_KEY}}, ["globalKey"]),
            _object({"id": {"type": "string", "minLength": 1, "maxLength": MAX_ID}}, ["id"]),
        ],
    }
    model = _object(
        {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
            "version": {"type": "string", "maxLength": MAX_ID},
        },
        ["name"],
    )
    kinds = sorted({key for kind in KINDS for key in kind.keys})
    annotation = {
        "type": "object",
        "description": f"A name or schemaId, and the key of one kind: {', '.join(kinds)}.",
        "properties": {"name": {"type": "string"}, "confidence": {"type": "number", "minimum": 0, "maximum": 1}},
    }
    return {
        **_object(
            {
                "version": {"const": VERSION},
                "messageId": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
                "projectId": {"type": "string", "pattern": PROJECT_ID.replace(r"\Z", "$"), "maxLength": MAX_PROJECT_ID},
                "dataRow": data_row,
                "model": model,
                "producedAt": {"type": "string", "format": "date-time"},
                "traceparent": {"type": "string"},
                "annotations": {"type": "array", "items": annotation},
            },
            ["projectId", "dataRow", "annotations"],
        ),
        "description": "One model's predictions for one data row. With a mapping, other objects are read too.",
    }


def _cloud_event() -> _Json:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "properties": {"specversion": {"const": "1.0"}, "id": text, "source": text, "type": text, "data": {}},
        "required": ["specversion", "id", "source", "type"],
    }


def _answer() -> _Json:
    count = {"type": "integer", "minimum": 0}
    return _object(
        {
            "accepted": count,
            "refused": count,
            "leftOut": count,
            "retry": count,
            "error": {"type": "string"},
            "results": {"type": "array", "items": _ref("Result")},
        },
        ["accepted", "refused", "leftOut", "retry", "results"],
    )


def _result() -> _Json:
    return _object(
        {
            "row": {"type": "integer", "minimum": 1, "description": "Its line, or its place in the array, from 1."},
            "status": {"enum": ["accepted", "refused", "left-out", "retry"]},
            "durable": {"enum": ["redis", "disk"], "description": "Where an accepted row is safe."},
            "messageIds": {"type": "array", "items": {"type": "string"}},
            "reason": {"enum": [reason.value for reason in Reason]},
            "path": {"type": "string"},
            "found": {"type": "string"},
            "expected": {"type": "string"},
            "hint": {"type": "string"},
        },
        ["row", "status"],
    )


def _object(properties: _Json, required: list[str]) -> _Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: _Json) -> _Json:
    return {"content": {"application/json": {"schema": schema}}}
