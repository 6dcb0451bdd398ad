"""Errors as Labelbox words them: a GraphQL error with a code in its extensions (wire reference, section 4.2)."""

from graphql import GraphQLError


class LabelboxError(GraphQLError):
    """An error with one of Labelbox's codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def not_found(what: str) -> LabelboxError:
    """Something does not exist, or the key may not see it."""
    return LabelboxError("RESOURCE_NOT_FOUND", f"{what} not found")


def conflict(what: str) -> LabelboxError:
    """Something of this name exists already."""
    return LabelboxError("RESOURCE_CONFLICT", f"{what} exists already")


def malformed(why: str) -> LabelboxError:
    """The request is not what the operation needs."""
    return LabelboxError("MALFORMED_REQUEST", why)
