"""Helpers that all resolvers share."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

from ariadne import ObjectType
from graphql import GraphQLResolveInfo

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.multipart import Uploaded
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.store.projects import Project

Info: TypeAlias = "GraphQLResolveInfo[Sandbox]"

PAGE = 100


def the_project(info: Info, project_id: str) -> Project:
    """Return the project with this id. Raises a LabelboxError with the code RESOURCE_NOT_FOUND."""
    project = info.context.store.projects.get(project_id)
    if project is None:
        raise not_found("Project")
    return project


def content_of(file: object, declared: int, *, strict: bool) -> Uploaded:
    """Return the uploaded file. A `declared` length above the real one is refused only if `strict`.

    The official client often declares too many bytes.
    """
    if not isinstance(file, Uploaded):
        raise malformed("the file part is missing")
    if declared < (length := len(file.content)) or (strict and declared > length):
        raise malformed(f"contentLength is {declared}, the file has {length} bytes")
    return file


def page_of(skip: int | None, first: int | None) -> tuple[int, int]:
    """Return how many items to skip and how many to answer, at most a page."""
    return max(skip or 0, 0), min(max(first or PAGE, 1), PAGE)


def add_times(kind: ObjectType) -> None:
    """Add the fields createdAt and updatedAt to a type."""
    kind.set_field("createdAt", lambda record, _: timestamp(record.created))
    kind.set_field("updatedAt", lambda record, _: timestamp(record.updated))


def timestamp(seconds: float) -> str:
    """Return a time as Labelbox writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def seconds_of(text: Any) -> float:
    """Return the Unix time of a time that is written as ISO 8601, without a zone in UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(str(text))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
