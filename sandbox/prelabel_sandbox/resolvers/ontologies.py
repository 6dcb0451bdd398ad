"""Ontologies (docs/reference/labelbox-api.md#2-5)."""

from typing import Any

import orjson
from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.checks.media import check_chat_tools, check_media_type, check_task_type
from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.ids import new_id
from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.resolvers.common import PAGE, Info, add_times
from prelabel_sandbox.store.ontologies import Ontology

query, mutation, ontology_type = QueryType(), MutationType(), ObjectType("Ontology")
BINDABLES = (query, mutation, ontology_type)
add_times(ontology_type)
ontology_type.set_alias("mediaType", "media_type")


@mutation.field("upsertOntology")
async def upsert_ontology(_: Any, info: Info, data: dict[str, Any]) -> Ontology:
    """Create an ontology from a tree that comes as a JSON text."""
    ontology_id, media_type, task_type = new_id(), data.get("mediaType"), data.get("editorTaskType")
    try:
        if media_type is not None:
            check_media_type(media_type)
        check_task_type(task_type, media_type)
    except ValueError as error:
        raise malformed(str(error)) from None
    try:
        tree = normalized(orjson.loads(data["normalized"]), ontology_id)
        check_chat_tools(tree["tools"], media_type, task_type)
    except ValueError as error:
        raise malformed(f"normalized: {error}".replace(f"{ontology_id}/", "")) from None
    create = info.context.store.ontologies.create
    return await run_in_threadpool(create, ontology_id, data["name"], media_type, tree, task_type)


@query.field("ontology")
def find_ontology(_: Any, info: Info, where: dict[str, Any]) -> Ontology:
    """Answer an ontology by id."""
    ontology = info.context.store.ontologies.get(where["id"])
    if ontology is None:
        raise not_found("Ontology")
    return ontology


@query.field("ontologies")
def list_ontologies(
    _: Any, info: Info, where: dict[str, Any] | None = None, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    """Answer a page of ontologies whose names contain the search text."""
    size = min(max(first or PAGE, 1), PAGE)
    page = info.context.store.ontologies.page((where or {}).get("search") or "", after or "", size + 1)
    return {"nodes": page[:size], "nextCursor": page[size - 1].id if len(page) > size else None}


@ontology_type.field("objectSchemaCount")
def object_schema_count(ontology: Ontology, _: Info) -> int:
    """Answer the number of tools."""
    return len(ontology.normalized["tools"])


@ontology_type.field("classificationSchemaCount")
def classification_schema_count(ontology: Ontology, _: Info) -> int:
    """Answer the number of top-level classifications."""
    return len(ontology.normalized["classifications"])
