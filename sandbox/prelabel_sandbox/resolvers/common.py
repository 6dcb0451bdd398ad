"""What resolvers of every kind share."""

from datetime import UTC, datetime
from typing import TypeAlias

from ariadne import ObjectType
from graphql import GraphQLResolveInfo

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.multipart import Uploaded
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.store.projects import Project

Info: TypeAlias = "GraphQLResolveInfo[Sandbox]"

PAGE = 100


def the_project(info: Info, project_id: str) -> Project:
    """The project of this id. Raises RESOURCE_NOT_FOUND."""
    found = info.context.store.projects.get(project_id)
    if found is None:
        raise not_found("Project")
    return found


def content_of(file: object, declared: int, *, strict: bool) -> Uploaded:
    """The uploaded file. The official client declares too many bytes as a rule, so only too few are wrong."""
    if not isinstance(file, Uploaded):
        raise malformed("the file part is missing")
    if declared < (length := len(file.content)) or (strict and declared > length):
        raise malformed(f"contentLength is {declared}, the file has {length} bytes")
    return file


def page_of(skip: int | None, first: int | None) -> tuple[int, int]:
    """How many to leave out and how many to answer, within what a page may hold."""
    return max(skip or 0, 0), min(max(first or PAGE, 1), PAGE)


def add_times(kind: ObjectType) -> None:
    """Answer when things of a kind were made and changed."""
    kind.set_field("createdAt", lambda each, _: timestamp(each.created))
    kind.set_field("updatedAt", lambda each, _: timestamp(each.updated))


def timestamp(seconds: float) -> str:
    """A time as Labelbox writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
