"""Errors as Labelbox words them: a GraphQL error with a code in its extensions (docs/reference/labelbox-api.md#4-2)."""

import logging
import re
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

_log = logging.getLogger(__name__)
_NO_SUCH_NAME = re.compile(r"Value '\w{1,40}' does not exist in '\w+' enum\.[\w ,.'?]*")
_WRONG_VALUE = re.compile(r"Variable '(\$\w+)' .*(?:invalid value|not provided|must not be null|non-null)", re.DOTALL)


class LabelboxError(GraphQLError):
    """An error with one of Labelbox's codes."""

    def __init__(self, code: str, message: str, **extensions: object) -> None:
        super().__init__(message, extensions={"code": code, **extensions})


def not_found(resource: str) -> LabelboxError:
    """Return the error for a resource that does not exist or that the key may not see."""
    return LabelboxError("RESOURCE_NOT_FOUND", f"{resource} not found")


def conflict(resource: str) -> LabelboxError:
    """Return the error for a resource whose name is already taken."""
    return LabelboxError("RESOURCE_CONFLICT", f"{resource} exists already")


def malformed(reason: str) -> LabelboxError:
    """Return the error for a request with arguments that its operation cannot use."""
    return LabelboxError("MALFORMED_REQUEST", reason)


def formatted(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # ariadne passes debug by position
    """Return an error in the form that is sent, always with a code: the official client fails without one."""
    shown: dict[str, Any] = dict(error.formatted)
    if error.extensions and "code" in error.extensions:
        return shown
    if isinstance(error, GraphQLSyntaxError):
        code = "GRAPHQL_PARSE_FAILED"
    elif error.path is None:
        # Leave out the values of the variables: one may be a whole file.
        code, shown["message"] = _without_values(error.message)
    else:
        _log.error("a resolver failed: %s", type(error.original_error).__name__)
        code, shown["message"] = "INTERNAL_SERVER_ERROR", "Internal server error"
    return {**shown, "extensions": {"code": code}}


def _without_values(message: str) -> tuple[str, str]:
    variable = _WRONG_VALUE.match(message)
    if variable is not None:
        known = _NO_SUCH_NAME.search(message)
        return "BAD_USER_INPUT", f"Variable {variable[1]} has no valid value" + (f": {known[0]}" if known else "")
    return "GRAPHQL_VALIDATION_FAILED", message[:500]
