"""Feature schemas, alone and as parts of ontologies (docs/reference/labelbox-api.md#2-12).

The SDK creates and changes them through `http.rest` too.
"""

from typing import Any

import orjson
from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.ids import new_id
from prelabel_sandbox.normalized import normalized_feature
from prelabel_sandbox.resolvers.common import PAGE, Info
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.feature_schemas import FeatureSchema

query, mutation, node_type = QueryType(), MutationType(), ObjectType("RootSchemaNode")
BINDABLES = (query, mutation, node_type)


def put_feature(store: Store, text: str, feature_id: str | None = None) -> FeatureSchema:
    """Create a feature schema from a tree as JSON, or change the one with this id.

    Raises ValueError for a wrong tree, and LookupError for an unknown id.
    """
    posted = orjson.loads(text)
    feature_id = feature_id or (posted.get("featureSchemaId") if isinstance(posted, dict) else None)
    before = store.feature_schemas.get(feature_id) if feature_id else None
    if feature_id and before is None:
        raise LookupError(f"Cannot find root schema node with feature schema id {feature_id}")
    tree = normalized_feature(posted, feature_id or new_id())
    if before is not None and not posted.get("schemaNodeId"):
        tree["schemaNodeId"] = before.normalized["schemaNodeId"]
    store.feature_schemas.put(tree)
    stored = store.feature_schemas.get(tree["featureSchemaId"])
    assert stored is not None  # noqa: S101
    return stored


@mutation.field("upsertRootSchemaNode")
async def upsert_feature(_: Any, info: Info, data: dict[str, Any]) -> FeatureSchema:
    """Create a feature schema from a tree that comes as a JSON text, or change it."""
    try:
        return await run_in_threadpool(put_feature, info.context.store, data["normalized"])
    except LookupError:
        raise not_found("FeatureSchema") from None
    except ValueError as error:
        raise malformed(f"normalized: {error}") from None


@query.field("rootSchemaNode")
def find_feature(_: Any, info: Info, where: dict[str, Any]) -> FeatureSchema:
    """Answer a feature schema by id."""
    feature = info.context.store.feature_schemas.get(where["featureSchemaId"])
    if feature is None:
        raise not_found("FeatureSchema")
    return feature


@query.field("rootSchemaNodes")
def list_features(
    _: Any, info: Info, where: dict[str, Any] | None = None, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    """Answer a page of feature schemas whose names contain the search text."""
    size = min(max(first or PAGE, 1), PAGE)
    page = info.context.store.feature_schemas.page((where or {}).get("search") or "", after or "", size + 1)
    return {"nodes": page[:size], "nextCursor": page[size - 1].id if len(page) > size else None}


@node_type.field("id")
def node_id(feature: FeatureSchema, _: Info) -> str:
    """Answer the id of the node; the id of the feature schema is in the tree."""
    return str(feature.normalized["schemaNodeId"])
