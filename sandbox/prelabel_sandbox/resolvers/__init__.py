"""A small resolver for each GraphQL operation, which uses the store. Short reads stay on the event loop."""

from importlib import resources
from typing import Any

from ariadne import ScalarType, make_executable_schema
from graphql import GraphQLSchema

from prelabel_sandbox.resolvers import (
    account,
    batches,
    data_rows,
    datasets,
    imports,
    ontologies,
    projects,
    tasks,
    uploads,
)

_MODULES = (account, batches, data_rows, datasets, imports, ontologies, projects, tasks, uploads)


def make_schema() -> GraphQLSchema:
    """Return the executable schema."""
    text = resources.files("prelabel_sandbox").joinpath("schema.graphql").read_text("utf-8")
    scalars = [ScalarType("Upload", value_parser=_unchanged), ScalarType("JSON", serializer=_unchanged)]
    return make_executable_schema(text, *(bindable for module in _MODULES for bindable in module.BINDABLES), *scalars)


def _unchanged(value: Any) -> Any:
    return value
