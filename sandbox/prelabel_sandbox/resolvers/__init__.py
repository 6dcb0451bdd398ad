"""GraphQL fields → the store: a small resolver for each operation. Reads are short and stay on the event loop."""

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
    scalars = [ScalarType("Upload", value_parser=_as_it_is), ScalarType("JSON", serializer=_as_it_is)]
    return make_executable_schema(text, *(bindable for module in _MODULES for bindable in module.BINDABLES), *scalars)


def _as_it_is(value: Any) -> Any:
    return value
