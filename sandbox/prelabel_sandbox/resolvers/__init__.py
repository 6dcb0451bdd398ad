"""A small resolver for each GraphQL operation, which uses the store. Short reads stay on the event loop."""

from importlib import resources
from typing import Any

from ariadne import ScalarType, make_executable_schema
from graphql import GraphQLSchema

from prelabel_sandbox.resolvers import (
    account,
    account_rows,
    batches,
    data_rows,
    datasets,
    exports,
    feature_schemas,
    imports,
    lists,
    members,
    ontologies,
    overview,
    projects,
    tasks,
    uploads,
)

_STEPS = (account, batches, data_rows, datasets, imports, ontologies, projects, tasks, uploads)
_AROUND = (account_rows, exports, feature_schemas, lists, members, overview)
_MODULES = (*_STEPS, *_AROUND)
_SCHEMAS = ("schema.graphql", "schema_around.graphql")


def make_schema() -> GraphQLSchema:
    """Return the executable schema."""
    texts = [resources.files("prelabel_sandbox").joinpath(name).read_text("utf-8") for name in _SCHEMAS]
    scalars = [ScalarType("Upload", value_parser=_unchanged), ScalarType("JSON", serializer=_unchanged)]
    return make_executable_schema(texts, *(bindable for module in _MODULES for bindable in module.BINDABLES), *scalars)


def _unchanged(value: Any) -> Any:
    return value
