"""Projects: creating, changing and answering them (docs/reference/labelbox-api.md#2-6)."""

from typing import Any

from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.checks.media import check_connection, check_task_type
from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.resolvers.common import Info, add_times, the_project, timestamp
from prelabel_sandbox.store.ontologies import Ontology
from prelabel_sandbox.store.projects import Project

query, mutation = QueryType(), MutationType()
project_type, change_type = ObjectType("Project"), ObjectType("ProjectChange")
BINDABLES = (query, mutation, project_type, change_type)

# Fields that the sandbox only stores and answers as they were posted.
_DETAILS = (
    "description",
    "autoAuditNumberOfLabels",
    "autoAuditPercentage",
    "isBenchmarkEnabled",
    "isConsensusEnabled",
)
_EDITOR = {"id": derived_id("labeling frontend"), "name": "Editor", "description": "", "iframeUrlPath": ""}


@mutation.field("createProject")
async def create_project(_: Any, info: Info, data: dict[str, Any]) -> Project:
    """Create a project. A chat project has its editor from the start."""
    details = {key: data.get(key) for key in _DETAILS}
    task_type = data.get("editorTaskType")
    try:
        check_task_type(task_type, data["allowedMediaType"])
    except ValueError as error:
        raise malformed(str(error)) from None
    if data.get("datasetNameOrId") is not None:
        raise malformed("datasetNameOrId: the sandbox makes no data rows for a project; create and batch them")
    if task_type:
        details["labelingFrontend"] = _EDITOR["id"]
    create = info.context.store.projects.create
    return await run_in_threadpool(create, data["name"], data["allowedMediaType"], task_type, details)


@mutation.field("updateProject")
async def update_project(_: Any, info: Info, where: dict[str, Any], data: dict[str, Any]) -> Project:
    """Rename or describe a project, give it the editor, or delete it; a deleted one is answered as it was."""
    project = the_project(info, where["id"])
    await run_in_threadpool(_update, info, project.id, data)
    return info.context.store.projects.get(project.id) or project


def _update(info: Info, project_id: str, data: dict[str, Any]) -> None:
    projects = info.context.store.projects
    if data.get("name") is not None:
        projects.rename(project_id, data["name"])
    if "description" in data:
        projects.set_detail(project_id, "description", data["description"])
    if data.get("setupComplete") is not None:
        projects.set_detail(project_id, "setupComplete", timestamp(data["setupComplete"]))
    if "labelingFrontend" in data:
        projects.set_detail(project_id, "labelingFrontend", _frontend_id(data["labelingFrontend"]))
    if data.get("deleted"):
        projects.delete(project_id)


def _frontend_id(data: dict[str, Any]) -> str:
    frontend_id = str(data["connect"]["id"])
    if frontend_id != _EDITOR["id"]:
        raise not_found("LabelingFrontend")
    return frontend_id


@query.field("labelingFrontends")
def labeling_frontends(_: Any, __: Info, where: dict[str, Any] | None = None, **page: int) -> list[dict[str, Any]]:
    """Answer the only editor, unless the filter excludes it."""
    filters = {key: value for part in [where or {}, *(where or {}).get("AND", [])] for key, value in part.items()}
    matches = filters.get("name", _EDITOR["name"]) == _EDITOR["name"] and not filters.get("deleted")
    return [_EDITOR][page.get("skip") or 0 :] if matches else []


@mutation.field("createLabelingFrontendOptions")
def create_options(_: Any, info: Info, data: dict[str, Any]) -> dict[str, Any]:
    """Answer the options of an editor as posted; they are not stored, since the ontology is connected separately."""
    project = the_project(info, data["project"]["connect"]["id"])
    _frontend_id(data["labelingFrontend"])
    return {"id": derived_id(project.id, "options"), "customizationOptions": data["customizationOptions"]}


@query.field("project")
def find_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """Answer a project by id."""
    return the_project(info, where["id"])


@mutation.field("project")
def change_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """Answer the project that the fields below change."""
    return the_project(info, where["id"])


@change_type.field("showPredictionsToLabelers")
async def show_pre_labels(project: Project, info: Info, show: bool) -> Project:
    """Show the project's pre-labels to labelers, or hide them."""
    projects = info.context.store.projects
    await run_in_threadpool(projects.show, project.id, show)
    return projects.get(project.id) or project


@change_type.field("connectOntology")
async def connect_ontology(project: Project, info: Info, ontologyId: str) -> Project:  # noqa: N803
    """Judge the project's imports by this ontology."""
    store = info.context.store
    ontology = store.ontologies.get(ontologyId)
    if ontology is None:
        raise not_found("Ontology")
    try:
        check_connection(project.editor_task_type, ontology.editor_task_type)
    except ValueError as error:
        raise malformed(str(error)) from None
    await run_in_threadpool(store.projects.connect, project.id, ontology)
    return store.projects.get(project.id) or project


def _detail(name: str) -> Any:
    return lambda project, _: project.details.get(name)


for _name in (*_DETAILS, "setupComplete"):
    project_type.set_field(_name, _detail(_name))
add_times(project_type)
project_type.set_alias("allowedMediaType", "media_type")  # spelt as it was posted
project_type.set_alias("editorTaskType", "editor_task_type")
project_type.set_alias("showingPredictionsToLabelers", "shown")


@project_type.field("dataRowCount")
def data_row_count(project: Project, info: Info) -> int:
    """Answer the number of data rows; 0 for a project that accepts any data row."""
    return info.context.store.projects.data_row_count(project.id)


@project_type.field("labelCount")
async def label_count(project: Project, info: Info) -> int:
    """Answer the number of data rows with ground truth."""
    return await run_in_threadpool(info.context.store.labels.data_row_count, project.id)


@project_type.field("labelingFrontend")
def labeling_frontend(project: Project, _: Info) -> dict[str, Any] | None:
    """Answer the editor, once it is connected."""
    return _EDITOR if project.details.get("labelingFrontend") else None


@project_type.field("ontology")
def ontology(project: Project, info: Info) -> Ontology | None:
    """Answer the connected ontology, under its own id."""
    return info.context.store.ontologies.get(project.ontology_id) if project.ontology_id else None
