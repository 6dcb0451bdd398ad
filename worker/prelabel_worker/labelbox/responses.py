"""Turn Labelbox's answers (status, headers, body) into declared types, or into one of our errors. No I/O.

Source: docs/reference/labelbox-api.md#4.

No part of an answer is used before `read` has converted it to a type of response_types.py. Errors name fields and
types, never the values in them.
"""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec
import orjson

from prelabel_worker.labelbox import errors
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.response_types import ImportFields, OntologyTree
from prelabel_worker.labelbox.types import Import

_MOST_RETRY_AFTER_SECONDS = 3600.0
_MOST_SAID = 300
_EXCEEDED = "You have exceeded"
_CODE = re.compile(r"[A-Z_]{1,60}")
_Type = TypeVar("_Type")


def read(value: Any, kind: type[_Type], *, maybe_accepted: bool = False) -> _Type:
    """Convert a part of an answer to its declared type. Raises UnexpectedShape."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise errors.UnexpectedShape(f"the answer is not as expected: {error}", maybe_accepted=maybe_accepted) from None
    except RecursionError:
        raise errors.UnexpectedShape("the answer is nested too deeply", maybe_accepted=maybe_accepted) from None


def import_of(value: Any, *, maybe_accepted: bool = False) -> Import:
    """Read the fields of an import: the IMPORT set of docs/reference/labelbox-api.md#2-0. Raises UnexpectedShape."""
    return job_of(read(value, ImportFields, maybe_accepted=maybe_accepted))


def job_of(fields: ImportFields) -> Import:
    """Return the import with these fields; '' replaces null."""
    files = fields.status_file_url or "", fields.error_file_url or ""
    return Import(fields.id, fields.name or "", fields.state or "", *files)


def tree_of(normalized: dict[str, Any] | str | None) -> dict[str, Any]:
    """Return an ontology's tree, given as an object or as JSON text. Raises UnexpectedShape.

    A tree that is nested too deeply to be written as JSON is refused, so callers can store and walk it.
    """
    if isinstance(normalized, str):
        try:
            normalized = orjson.loads(normalized) if normalized else None
        except orjson.JSONDecodeError:
            raise errors.UnexpectedShape("the ontology is not as expected: its text is not JSON") from None
    tree = {"tools": [], "classifications": []} if normalized is None else read(normalized, dict[str, Any])
    read(tree, OntologyTree)
    try:
        orjson.dumps(tree)
    except orjson.JSONEncodeError:
        raise errors.UnexpectedShape("the ontology is nested too deeply") from None
    return tree


def data_of(status: int, headers: Mapping[str, str], body: bytes, *, creates: bool) -> dict[str, Any]:
    """Return the answer's data. Raises RequestError for any other answer.

    `creates`: the request may have had its effect although the answer is an error.
    """
    answer = _answer(status, headers, body, creates=creates)
    problems = answer.get("errors")
    if problems:
        raise _graphql_error(problems[0], _retry_after(headers), creates=creates)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise errors.Garbled("the answer has neither data nor errors", maybe_accepted=creates)
    return data


def found(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the data of a look-up, where "not found" is an answer and not an error. Raises RequestError."""
    answer = _answer(status, headers, body, creates=False)
    for problem in answer.get("errors") or ():
        if _code(problem) != "RESOURCE_NOT_FOUND":
            raise _graphql_error(problem, _retry_after(headers), creates=False)
    data = answer.get("data")
    if data is None and answer.get("errors"):
        return {}
    if not isinstance(data, dict):
        raise errors.Garbled("the answer has neither data nor errors")
    return data


def project_gone(project_id: str) -> RequestError:
    """Return the error for a project that Labelbox does not have, or that the key may not see."""
    return errors.ProjectGone(f"Labelbox does not know project {project_id}, or the key may not see it")


def _answer(status: int, headers: Mapping[str, str], body: bytes, *, creates: bool) -> dict[str, Any]:
    """Return the JSON object of a GraphQL answer.

    Raises RequestError for an answer of the edge, the gateway or the mesh, by its status.
    """
    answer = _json_object(body)
    message = _text(answer, "message")
    retry_after = _retry_after(headers)
    if status == 429 or message.startswith(_EXCEEDED):
        raise errors.Throttled("Labelbox says to slow down", retry_after=retry_after)
    if status >= 500:
        kind = errors.OutcomeUnknown if creates else errors.Unavailable
        raise kind(f"Labelbox answers {status}", retry_after=retry_after, status=status)
    if answer is not None and answer.get("errors"):
        if isinstance(answer["errors"], list):
            return answer
        raise errors.Garbled("the answer's errors are not a list", maybe_accepted=creates)
    if status == 403 and answer is None:
        raise errors.Blocked("the network's edge answers 403 in place of Labelbox", status=status)
    refused = _STATUS_ERRORS.get(status)
    if refused is not None:
        raise refused(f"Labelbox answers {status}", said=message[:_MOST_SAID], status=status)
    if status >= 400:
        raise errors.Unavailable(f"Labelbox answers {status}", status=status)
    if answer is None:
        raise errors.Garbled(f"Labelbox answers {status} with something that is not JSON", maybe_accepted=creates)
    return answer


_STATUS_ERRORS: dict[int, type[RequestError]] = {
    400: errors.Refused,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    413: errors.TooLarge,
    422: errors.Refused,
}
_CODE_ERRORS: dict[str, type[RequestError]] = {
    "AUTHENTICATION_ERROR": errors.Unauthorized,
    "AUTHORIZATION_ERROR": errors.Forbidden,
    "RESOURCE_NOT_FOUND": errors.ProjectGone,
    "RESOURCE_CONFLICT": errors.Conflict,
    "MALFORMED_REQUEST": errors.Refused,
    "BAD_USER_INPUT": errors.Refused,
    "OPERATION_NOT_ALLOWED": errors.AccountLimit,
    "GRAPHQL_VALIDATION_FAILED": errors.QueryRefused,
    "GRAPHQL_PARSE_FAILED": errors.QueryRefused,
}
# INTERNAL_SERVER_ERROR can hide another error, whose status is in `extensions.exception.status`.
_NESTED_ERRORS: dict[int, type[RequestError]] = {
    400: errors.Refused,
    422: errors.Refused,
    426: errors.AccountLimit,
    429: errors.Throttled,
}


def _graphql_error(problem: Any, retry_after: float | None, *, creates: bool) -> RequestError:
    code = _code(problem)
    text = f"Labelbox answers {code or 'an error without a code'}"
    said = _text(problem, "message")[:_MOST_SAID]
    kind = _CODE_ERRORS.get(code)
    if kind is None:
        status = _member(_member(_member(problem, "extensions"), "exception"), "status")
        kind = _NESTED_ERRORS.get(status) if isinstance(status, int) else None
    if kind is errors.AccountLimit and _ALLOWANCE.search(said):
        kind, text = errors.AllowanceSpent, "the plan's allowance of this month is used up, says Labelbox"
    if kind is None:
        kind = errors.OutcomeUnknown if creates else errors.Unavailable
        return kind(text, retry_after=retry_after, said=said, status=500)  # what the code says, whatever HTTP says
    return kind(text, retry_after=retry_after, said=said)


# Assumed: the docs say that a Free account over its Labelbox Units (LBU) cannot add predictions until the next month,
# not how the API says so. Narrow, so that another limit of the account is not taken for one that ends with the month.
_ALLOWANCE = re.compile(r"\bLBUs?\b|\bLabelbox Units?\b", re.IGNORECASE)


def _code(problem: Any) -> str:
    """Return Labelbox's error code, or '' if the problem has no well-formed code."""
    code = _text(_member(problem, "extensions"), "code")
    return code if _CODE.fullmatch(code) else ""


def _text(value: Any, name: str) -> str:
    member = _member(value, name)
    return member if isinstance(member, str) else ""


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, at most an hour; None when absent or unreadable.

    The header has a number of seconds or a date (RFC 9110). A date is compared with that of the answer, if it has one,
    since this machine's clock may be wrong.
    """
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        now = _time_of(headers.get("date", ""))
        seconds = _time_of(value) - (time.time() if math.isnan(now) else now)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _MOST_RETRY_AFTER_SECONDS)


def _time_of(date: str) -> float:
    """Return the Unix time of a date; nan if the text is not a date, or its year is out of range."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
        return math.nan
