"""A summary of a GraphQL request before it is executed, for faults and the log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
    value_from_ast_untyped,
)

Kind = Literal["create", "query", "other"]


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """A request: its first root field, its number of root fields, its kind, and the projects that it names."""

    operation: str
    fields: int
    kind: Kind
    projects: tuple[str, ...]


@lru_cache(maxsize=512)
def checked(schema: GraphQLSchema, query: str) -> tuple[DocumentNode, tuple[GraphQLError, ...]]:
    """Return the parsed query and its errors. Raises GraphQLSyntaxError.

    The result is cached, since clients send the same queries again and again.
    """
    document = parse(query)
    return document, tuple(validate(schema, document))


def summary_of(document: DocumentNode, variables: Mapping[str, Any]) -> RequestSummary | None:
    """Return the summary of a document, or None if it holds no operation."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            fields = [field for field in definition.selection_set.selections if isinstance(field, FieldNode)]
            if fields:
                name = fields[0].name.value
                projects = tuple(dict.fromkeys(id_ for field in fields for id_ in _projects(field, variables)))
                return RequestSummary(name, len(fields), _kind(definition.operation, fields[0]), projects)
    return None


def _kind(operation: OperationType, field: FieldNode) -> Kind:
    """Return the kind of a root field; a batch is created by a field below `project`."""
    if operation is OperationType.QUERY:
        return "query"
    below = field.selection_set.selections if field.name.value == "project" and field.selection_set else ()
    names = [node.name.value for node in (field, *below) if isinstance(node, FieldNode)]
    return "create" if any(name.startswith("create") for name in names) else "other"


def _projects(field: FieldNode, variables: Mapping[str, Any]) -> Iterator[str]:
    """Return the project ids among a root field's arguments, whatever the names of the variables."""
    for argument in field.arguments or ():
        value = value_from_ast_untyped(argument.value, dict(variables))
        if isinstance(value, dict):
            project = value.get("id") if field.name.value == "project" else value.get("projectId")
            if isinstance(project, str):
                yield project
