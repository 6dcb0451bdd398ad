"""What a GraphQL request asks for, known before it is executed: for faults and the log."""

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
class Asked:
    """The first root field, the number of them, whether something is created, and the projects that are named."""

    operation: str
    fields: int
    kind: Kind
    projects: tuple[str, ...]


@lru_cache(maxsize=512)
def checked(schema: GraphQLSchema, query: str) -> tuple[DocumentNode, tuple[GraphQLError, ...]]:
    """The parsed query and what is wrong with it; clients send few texts often. Raises GraphQLSyntaxError."""
    document = parse(query)
    return document, tuple(validate(schema, document))


def asked(document: DocumentNode, variables: Mapping[str, Any]) -> Asked | None:
    """What the document asks for; None when it holds no operation."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            fields = [each for each in definition.selection_set.selections if isinstance(each, FieldNode)]
            if fields:
                name = fields[0].name.value
                projects = tuple(dict.fromkeys(project for each in fields for project in _projects(each, variables)))
                return Asked(name, len(fields), _kind(definition.operation, fields[0]), projects)
    return None


def _kind(operation: OperationType, field: FieldNode) -> Kind:
    """Batches are created by a field below `project`."""
    if operation is OperationType.QUERY:
        return "query"
    below = field.selection_set.selections if field.name.value == "project" and field.selection_set else ()
    names = [each.name.value for each in (field, *below) if isinstance(each, FieldNode)]
    return "create" if any(name.startswith("create") for name in names) else "other"


def _projects(field: FieldNode, variables: Mapping[str, Any]) -> Iterator[str]:
    """Ids of projects among a root field's arguments, whatever the variables are called."""
    for argument in field.arguments or ():
        value = value_from_ast_untyped(argument.value, dict(variables))
        if isinstance(value, dict):
            found = value.get("id") if field.name.value == "project" else value.get("projectId")
            if isinstance(found, str):
                yield found
