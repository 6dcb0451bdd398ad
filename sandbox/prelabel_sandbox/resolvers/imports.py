"""Imports of pre-labels and of ground truth, which have the same inputs and fields.

Source: docs/reference/labelbox-api.md#2-8 to #2-11.
"""

from typing import Any

from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import conflict, malformed, not_found
from prelabel_sandbox.faults.imports import OddState
from prelabel_sandbox.resolvers.common import PAGE, Info, content_of, page_of, the_project
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store.imports import File, Import, Kind
from prelabel_sandbox.store.projects import Project

query, mutation, import_type = QueryType(), MutationType(), ObjectType("Import")
BINDABLES = (query, mutation, import_type)


@mutation.field("createModelAssistedLabelingPredictionImport")
async def create_import(_: Any, info: Info, data: dict[str, Any]) -> Import:
    """Accept a file as an import of pre-labels."""
    return await _create(info, data, "mal")


@mutation.field("createLabelImport")
async def create_label_import(_: Any, info: Info, data: dict[str, Any]) -> Import:
    """Accept a file as an import of ground truth."""
    return await _create(info, data, "label")


async def _create(info: Info, data: dict[str, Any], kind: Kind) -> Import:
    sandbox = info.context
    the_project(info, data["projectId"])
    body = _input(data, sandbox.settings)
    refuse = sandbox.settings.duplicate_names == "refuse"
    # Writing to disk takes time: keep it off the event loop.
    created = await run_in_threadpool(
        sandbox.store.imports.accept, data["projectId"], data["name"], body, kind, refuse_same_name=refuse
    )
    if created is None:
        raise conflict("an import of this name")
    sandbox.fetcher.fetch(created)
    sandbox.processor.wake()
    return created


def _input(data: dict[str, Any], settings: Settings) -> bytes | str:
    """Return the uploaded bytes, or the address of a file."""
    payload, url = data.get("filePayload"), data.get("fileUrl")
    if (payload is None) == (not url):
        raise malformed("an import needs either filePayload or fileUrl")
    if payload is None:
        return str(url)
    strict = settings.strict_content_length
    content = content_of(payload["file"], payload["contentLength"], strict=strict).content
    if not content and settings.refuse_empty_file:
        raise malformed("the file is empty")
    return content


@mutation.field("deleteModelAssistedLabelingPredictionImport")
async def delete_import(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    """Remove an import of pre-labels, and its pre-labels unless `delete_keeps_pre_labels` is set.

    Labelbox has no such operation for ground truth.
    """
    store, settings = info.context.store, info.context.settings
    if not await run_in_threadpool(store.imports.delete, where["id"], keep=settings.delete_keeps_pre_labels):
        raise not_found("Import")
    return where


@query.field("modelAssistedLabelingPredictionImport")
def find_import(_: Any, info: Info, where: dict[str, Any]) -> Import:
    """Answer an import of pre-labels by project and name."""
    return _find(info, where, "mal")


@query.field("labelImport")
def find_label_import(_: Any, info: Info, where: dict[str, Any]) -> Import:
    """Answer an import of ground truth by project and name."""
    return _find(info, where, "label")


def _find(info: Info, where: dict[str, Any], kind: Kind) -> Import:
    oldest = info.context.settings.duplicate_names == "oldest"
    item = info.context.store.imports.find(where["projectId"], where["name"], kind, oldest=oldest)
    if item is None:
        raise not_found("Import")
    return item


@query.field("modelAssistedLabelingPredictionImports")
def list_imports(_: Any, info: Info, where: dict[str, Any], skip: int = 0, first: int = PAGE) -> list[Import]:
    """Answer a page of a project's imports of pre-labels."""
    return info.context.store.imports.page(where["projectId"], "mal", *page_of(skip, first))


@query.field("labelImports")
def list_label_imports(_: Any, info: Info, where: dict[str, Any], skip: int = 0, first: int = PAGE) -> list[Import]:
    """Answer a page of a project's imports of ground truth."""
    return info.context.store.imports.page(where["projectId"], "label", *page_of(skip, first))


@import_type.field("state")
def state(item: Import, info: Info) -> str:
    """Answer the state: RUNNING, FINISHED or FAILED, or an unknown one if a fault is on."""
    odd = info.context.faults.apply(OddState, [item.project_id])
    return item.state if odd is None else odd.state


@import_type.field("progress")
def progress(item: Import, info: Info) -> str:
    """Answer the progress as text."""
    return info.context.processor.progress(item)


@import_type.field("inputFileUrl")
def input_url(item: Import, info: Info) -> str | None:
    """Answer the `fileUrl` that the client gave, or else the address of the uploaded file."""
    return item.url or _url(info, item, "input")


@import_type.field("statusFileUrl")
def status_url(item: Import, info: Info) -> str | None:
    """Answer the address of the status file, which has a line for each line sent; None until the import is FINISHED."""
    return _url(info, item, "status")


@import_type.field("errorFileUrl")
def error_url(item: Import, info: Info) -> str | None:
    """Answer the address of the error file: the lines that were refused, or why the whole import failed."""
    return _url(info, item, "error")


def _url(info: Info, item: Import, file: File) -> str | None:
    exists = item.has(file) and info.context.store.imports.file(item, file).exists()
    return f"{info.context.base_url}/files/{item.secret}/{file}.ndjson" if exists else None


@import_type.field("project")
def project_of_import(item: Import, info: Info) -> Project | None:
    """Answer the import's project."""
    return info.context.store.projects.get(item.project_id)
