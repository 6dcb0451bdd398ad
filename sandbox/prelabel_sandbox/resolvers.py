"""GraphQL fields → the store: a small resolver for each operation. Reads are short and stay on the event loop."""

from datetime import UTC, datetime
from importlib import resources
from typing import Any, TypeAlias

from ariadne import MutationType, ObjectType, QueryType, ScalarType, make_executable_schema
from graphql import GraphQLResolveInfo, GraphQLSchema
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import LabelboxError, conflict, malformed, not_found
from prelabel_sandbox.faults.imports import OddState
from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.sandbox import Sandbox
from prelabel_sandbox.store.imports import File, Import
from prelabel_sandbox.store.projects import Project

_PAGE = 100
Info: TypeAlias = "GraphQLResolveInfo[Sandbox]"

query, mutation = QueryType(), MutationType()
import_type, project_type, change_type = ObjectType("Import"), ObjectType("Project"), ObjectType("ProjectChange")


def make_schema() -> GraphQLSchema:
    """The executable schema."""
    text = resources.files("prelabel_sandbox").joinpath("schema.graphql").read_text("utf-8")
    scalars = [ScalarType("Upload", value_parser=_as_it_is), ScalarType("JSON", serializer=_as_it_is)]
    return make_executable_schema(text, query, mutation, import_type, project_type, change_type, *scalars)


def _as_it_is(value: Any) -> Any:
    return value


@mutation.field("createModelAssistedLabelingPredictionImport")
async def create_import(_: Any, info: Info, data: dict[str, Any]) -> Import:
    """Accept a file as an import."""
    sandbox = info.context
    if sandbox.store.projects.get(data["projectId"]) is None:
        raise not_found("Project")
    if data.get("filePayload") is None:
        raise LabelboxError("OPERATION_NOT_ALLOWED", "not supported yet: the sandbox takes files, not addresses")
    body = _file(data["filePayload"], strict=sandbox.settings.strict_content_length)
    refuse = sandbox.settings.duplicate_names == "refuse"
    # Writing to disk takes its time: not on the event loop.
    created = await run_in_threadpool(
        sandbox.store.imports.accept, data["projectId"], data["name"], body, refuse_same_name=refuse
    )
    if created is None:
        raise conflict("an import of this name")
    sandbox.processor.wake()
    return created


def _file(payload: dict[str, Any], *, strict: bool) -> bytes:
    """The uploaded bytes. The official client declares too many as a rule, so only too few are wrong."""
    body, declared = payload["file"], payload["contentLength"]
    if not isinstance(body, bytes):
        raise malformed("the file part is missing")
    if declared < len(body) or (strict and declared > len(body)):
        raise malformed(f"contentLength is {declared}, the file has {len(body)} bytes")
    return body


@mutation.field("deleteModelAssistedLabelingPredictionImport")
async def delete_import(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    """Remove an import."""
    if not await run_in_threadpool(info.context.store.imports.delete, where["id"]):
        raise not_found("Import")
    return where


@mutation.field("project")
def change_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """The project that is to be changed."""
    return _project(info, where["id"])


@change_type.field("showPredictionsToLabelers")
async def show_pre_labels(project: Project, info: Info, show: bool) -> Project:
    """Show the project's pre-labels to labelers, or hide them."""
    projects = info.context.store.projects
    await run_in_threadpool(projects.show, project.id, show)
    return projects.get(project.id) or project


@query.field("modelAssistedLabelingPredictionImport")
def find_import(_: Any, info: Info, where: dict[str, Any]) -> Import:
    """An import by project and name."""
    sandbox = info.context
    oldest = sandbox.settings.duplicate_names == "oldest"
    found = sandbox.store.imports.find(where["projectId"], where["name"], oldest=oldest)
    if found is None:
        raise not_found("Import")
    return found


@query.field("modelAssistedLabelingPredictionImports")
def list_imports(_: Any, info: Info, where: dict[str, Any], skip: int = 0, first: int = _PAGE) -> list[Import]:
    """A page of a project's imports."""
    return info.context.store.imports.page(where["projectId"], max(skip or 0, 0), min(max(first or _PAGE, 1), _PAGE))


@query.field("project")
def find_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """A project by id."""
    return _project(info, where["id"])


def _project(info: Info, project_id: str) -> Project:
    found = info.context.store.projects.get(project_id)
    if found is None:
        raise not_found("Project")
    return found


@import_type.field("state")
def state(item: Import, info: Info) -> str:
    """Whether it runs, or how it ended."""
    odd = info.context.faults.strike(OddState, [item.project_id])
    return item.state if odd is None else odd.state


@import_type.field("progress")
def progress(item: Import, info: Info) -> str:
    """How far it is, as text."""
    return info.context.processor.progress(item)


@import_type.field("inputFileUrl")
def input_url(item: Import, info: Info) -> str | None:
    """Where the uploaded file can be read."""
    return _url(info, item, "input")


@import_type.field("statusFileUrl")
def status_url(item: Import, info: Info) -> str | None:
    """One line for each line sent, once it is finished."""
    return _url(info, item, "status")


@import_type.field("errorFileUrl")
def error_url(item: Import, info: Info) -> str | None:
    """The failures, or why the whole import failed."""
    return _url(info, item, "error")


def _url(info: Info, item: Import, file: File) -> str | None:
    there = item.has(file) and info.context.store.imports.file(item, file).exists()
    return f"{info.context.base_url}/files/{item.secret}/{file}.ndjson" if there else None


@import_type.field("project")
def project_of_import(item: Import, info: Info) -> Project | None:
    """The import's project."""
    return info.context.store.projects.get(item.project_id)


@project_type.field("allowedMediaType")
def media_type(project: Project, _: Info) -> str | None:
    """The media type in the spelling it was posted in."""
    return project.media_type


@project_type.field("showingPredictionsToLabelers")
def showing(project: Project, _: Info) -> bool:
    """Whether labelers see its pre-labels."""
    return project.shown


@project_type.field("editorTaskType")
def editor_task_type(project: Project, _: Info) -> str | None:
    """What kind of chat a conversational project is for, if any."""
    return project.editor_task_type


@project_type.field("createdAt")
def created_at(project: Project, _: Info) -> str:
    """When it was first posted."""
    return _timestamp(project.created)


@project_type.field("updatedAt")
def updated_at(project: Project, _: Info) -> str:
    """When it was last posted."""
    return _timestamp(project.updated)


@project_type.field("dataRowCount")
def data_row_count(project: Project, info: Info) -> int:
    """How many data rows are in it; none are counted in a project of any."""
    return info.context.store.projects.data_row_count(project.id)


@project_type.field("ontology")
def ontology(project: Project, _: Info) -> dict[str, Any]:
    """The project's ontology."""
    return {
        "id": derived_id(project.id, "ontology"),
        "name": f"{project.name} ontology",
        "createdAt": _timestamp(project.created),
        "updatedAt": _timestamp(project.updated),
        "normalized": project.ontology,
        "objectSchemaCount": len(project.ontology["tools"]),
        "classificationSchemaCount": len(project.ontology["classifications"]),
        "mediaType": project.media_type,
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
