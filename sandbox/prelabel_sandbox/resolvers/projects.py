"""Projects: what is answered of one, and what can be done to it."""

from typing import Any

from ariadne import MutationType, ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.resolvers.common import Info, the_project, timestamp
from prelabel_sandbox.store.projects import Project

query, mutation = QueryType(), MutationType()
project_type, change_type = ObjectType("Project"), ObjectType("ProjectChange")
BINDABLES = (query, mutation, project_type, change_type)


@query.field("project")
def find_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """A project by id."""
    return the_project(info, where["id"])


@mutation.field("project")
def change_project(_: Any, info: Info, where: dict[str, Any]) -> Project:
    """The project that is to be changed."""
    return the_project(info, where["id"])


@change_type.field("showPredictionsToLabelers")
async def show_pre_labels(project: Project, info: Info, show: bool) -> Project:
    """Show the project's pre-labels to labelers, or hide them."""
    projects = info.context.store.projects
    await run_in_threadpool(projects.show, project.id, show)
    return projects.get(project.id) or project


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
    return timestamp(project.created)


@project_type.field("updatedAt")
def updated_at(project: Project, _: Info) -> str:
    """When it was last posted."""
    return timestamp(project.updated)


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
        "createdAt": timestamp(project.created),
        "updatedAt": timestamp(project.updated),
        "normalized": project.ontology,
        "objectSchemaCount": len(project.ontology["tools"]),
        "classificationSchemaCount": len(project.ontology["classifications"]),
        "mediaType": project.media_type,
    }
