"""GraphQL fields → the store: small resolvers, one for each operation."""

from dataclasses import dataclass
from importlib import resources
from typing import Any

from ariadne import MutationType, ObjectType, QueryType, ScalarType, make_executable_schema
from graphql import GraphQLSchema

from prelabel_sandbox.errors import LabelboxError, conflict, malformed, not_found
from prelabel_sandbox.processing import Processor
from prelabel_sandbox.store import Import, Project, Store

query, mutation = QueryType(), MutationType()
import_type, project_type = ObjectType("Import"), ObjectType("Project")


@dataclass
class Context:
    """What a resolver works with."""

    store: Store
    processor: Processor
    base_url: str
    duplicate_names: str


def schema() -> GraphQLSchema:
    """The executable schema."""
    text = resources.files("prelabel_sandbox").joinpath("schema.graphql").read_text("utf-8")
    upload, anything = ScalarType("Upload"), ScalarType("JSON")
    for scalar in (upload, anything):
        scalar.set_value_parser(lambda value: value)
        scalar.set_serializer(lambda value: value)
    return make_executable_schema(text, query, mutation, import_type, project_type, upload, anything)


def _context(info: Any) -> Context:
    context: Context = info.context
    return context


@mutation.field("createModelAssistedLabelingPredictionImport")
def create_import(_: Any, info: Any, data: dict[str, Any]) -> Import:
    """Accept a file as an import job."""
    context = _context(info)
    if context.store.project(data["projectId"]) is None:
        raise not_found("Project")
    payload = data.get("filePayload")
    if payload is None:
        raise LabelboxError("OPERATION_NOT_ALLOWED", "the sandbox takes files, not addresses")
    body = payload["file"]
    if not isinstance(body, bytes):
        raise malformed("the file part is missing")
    if payload["contentLength"] < len(body):
        raise malformed("contentLength is smaller than the file")
    refuse = context.duplicate_names == "refuse"
    created = context.store.create_import(data["projectId"], data["name"], body, refuse_same_name=refuse)
    if created is None:
        raise conflict("an import of this name")
    context.processor.wake()
    return created


@mutation.field("deleteModelAssistedLabelingPredictionImport")
def delete_import(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    """Remove an import job."""
    if not _context(info).store.delete_import(where["id"]):
        raise not_found("Import")
    return where


@query.field("modelAssistedLabelingPredictionImport")
def find_import(_: Any, info: Any, where: dict[str, Any]) -> Import:
    """An import by project and name."""
    context = _context(info)
    oldest = context.duplicate_names == "oldest"
    found = context.store.find_import(where["projectId"], where["name"], oldest=oldest)
    if found is None:
        raise not_found("Import")
    return found


@query.field("modelAssistedLabelingPredictionImports")
def list_imports(_: Any, info: Any, where: dict[str, Any], skip: int = 0, first: int = 100) -> list[Import]:
    """A page of a project's imports."""
    return _context(info).store.imports(where["projectId"], skip or 0, min(first or 100, 100))


@query.field("project")
def find_project(_: Any, info: Any, where: dict[str, Any]) -> Project:
    """A project by id."""
    found = _context(info).store.project(where["id"])
    if found is None:
        raise not_found("Project")
    return found


@import_type.field("progress")
def progress(item: Import, _: Any) -> str:
    """How far it is, as text."""
    return f"{item.progress}%"


@import_type.field("inputFileUrl")
def input_url(item: Import, info: Any) -> str:
    """Where the uploaded file can be read."""
    return _url(info, item, "input")


@import_type.field("statusFileUrl")
def status_url(item: Import, info: Any) -> str | None:
    """One line for each line sent, once it is finished."""
    return _url(info, item, "status") if item.state == "FINISHED" else None


@import_type.field("errorFileUrl")
def error_url(item: Import, info: Any) -> str | None:
    """The failures, or why the whole import failed."""
    return _url(info, item, "error") if item.state != "RUNNING" else None


@import_type.field("project")
def project_of_import(item: Import, info: Any) -> Project | None:
    """The import's project."""
    return _context(info).store.project(item.project_id)


@project_type.field("allowedMediaType")
def media_type(item: Project, _: Any) -> str:
    """The media type as the API names it."""
    return item.media_type


@project_type.field("ontology")
def ontology(item: Project, _: Any) -> dict[str, Any]:
    """The project's ontology."""
    return {
        "id": f"o{item.id}"[:25],
        "name": f"{item.name} ontology",
        "normalized": item.ontology,
        "objectSchemaCount": len(item.ontology["tools"]),
        "classificationSchemaCount": len(item.ontology["classifications"]),
        "mediaType": item.media_type,
    }


def _url(info: Any, item: Import, kind: str) -> str:
    return f"{_context(info).base_url}/files/{item.id}/{item.secret}/{kind}.ndjson"
