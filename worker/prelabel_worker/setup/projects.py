"""Make a project, connect its editor and its ontology, and show pre-labels to labelers.

Source: docs/reference/labelbox-api.md#2-6, #2-10.
"""

from collections.abc import Callable, Iterator
from typing import Any

from prelabel.errors import PrelabelError
from prelabel_worker.labelbox.errors import Garbled, RequestError
from prelabel_worker.labelbox.response_types import Anything, CreatedProject, EditorOfProject, Editors, ShownOnProject
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.editor_tasks import TaskType

_CREATE = (
    "mutation NewProject($name: String!, $media: MediaType!, $audit: Float!, $labels: Int!, $benchmark: Boolean!, "
    "$consensus: Boolean!%s) { createProject(data: {name: $name, allowedMediaType: $media, isBenchmarkEnabled: "
    "$benchmark, isConsensusEnabled: $consensus, autoAuditPercentage: $audit, autoAuditNumberOfLabels: $labels%s}) "
    "{ id } }"
)
# Only a project with a task type names it, as the official client does.
_CREATE_ORDINARY = _CREATE % ("", "")
_CREATE_WITH_TASK = _CREATE % (", $task: EditorTaskType!", ", editorTaskType: $task")
# What the official client sends with its default quality modes.
_QUALITY = {"audit": 0.0, "labels": 3, "benchmark": True, "consensus": True}
_FRONTEND = "query ProjectEditor($id: ID!) { project(where: {id: $id}) { labelingFrontend { id } } }"
_FRONTENDS = (
    "query Editors($name: String!, $deleted: Boolean!) { "
    "labelingFrontends(where: {AND: [{name: $name}, {deleted: $deleted}]} skip: 0 first: 100) { id name } }"
)
_CONNECT_FRONTEND = (
    "mutation ConnectEditor($project: ID!, $frontend: ID!) { updateProject(where: {id: $project}, "
    "data: {labelingFrontend: {connect: {id: $frontend}}}) { id } }"
)
_OPTIONS = (
    "mutation EditorOptions($project: ID!, $frontend: ID!, $options: String!) { createLabelingFrontendOptions(data: "
    "{project: {connect: {id: $project}}, labelingFrontend: {connect: {id: $frontend}}, "
    "customizationOptions: $options}) { id } }"
)
_CONNECT = (
    "mutation ConnectOntology($project: ID!, $ontology: ID!) "
    "{ project(where: {id: $project}) { connectOntology(ontologyId: $ontology) { id } } }"
)
_SHOW = (
    "mutation ShowPreLabels($project: ID!, $show: Boolean!) { project(where: {id: $project}) "
    "{ showPredictionsToLabelers(show: $show) { id showingPredictionsToLabelers } } }"
)
_EDITOR = "Editor"
_NO_ONTOLOGY = '{"tools": [], "classifications": []}'


class HalfDone(PrelabelError):
    """A project exists but is not complete. Has its id, the steps that were done, and the step that failed."""

    def __init__(self, project_id: str, done: list[str], step: str, error: RequestError) -> None:
        super().__init__(f"{step} failed: {error}")
        self.project_id = project_id
        self.done = done
        self.step = step
        self.error = error


class Projects:
    """The projects of an account, as a person sets them up."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, name: str, media_type: str, task: TaskType | None = None) -> str:
        """Make a project and return its id. Raises RequestError; with `maybe_accepted` one may have been made."""
        query, variables = _CREATE_ORDINARY, {"name": name, "media": media_type, **_QUALITY}
        if task is not None:
            query, variables = _CREATE_WITH_TASK, variables | {"task": task}
        return self._calls.create(query, variables, CreatedProject).create_project.id

    def set_up(self, project_id: str, ontology_id: str, *, show: bool) -> list[str]:
        """Do the steps that a new project needs; return their names. Each may be repeated. Raises HalfDone."""
        done: list[str] = []
        for step, act in self._steps(project_id, ontology_id, show=show):
            try:
                act()
            except RequestError as error:
                raise HalfDone(project_id, done, step, error) from None
            done.append(step)
        return done

    def _steps(self, project_id: str, ontology_id: str, *, show: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
        yield "connecting the editor", lambda: self._connect_editor(project_id)
        ids = {"project": project_id, "ontology": ontology_id}
        yield "connecting the ontology", lambda: self._calls.ask(_CONNECT, ids, Anything)
        if show:
            yield "showing pre-labels to labelers", lambda: self._show(project_id)

    def _connect_editor(self, project_id: str) -> None:
        """Connect the editor, unless one is connected."""
        project = self._calls.ask(_FRONTEND, {"id": project_id}, EditorOfProject).project
        if project and project.labeling_frontend:
            return
        editors = self._calls.ask(_FRONTENDS, {"name": _EDITOR, "deleted": False}, Editors).labeling_frontends or []
        if not editors:
            raise Garbled(f"Labelbox names no editor called {_EDITOR}")
        ids = {"project": project_id, "frontend": editors[0].id}
        self._calls.ask(_CONNECT_FRONTEND, ids, Anything)
        self._calls.ask(_OPTIONS, ids | {"options": _NO_ONTOLOGY}, Anything)

    def _show(self, project_id: str) -> None:
        project = self._calls.ask(_SHOW, {"project": project_id, "show": True}, ShownOnProject).project
        shown = project.show_predictions_to_labelers if project else None
        if shown and shown.showing_predictions_to_labelers is False:
            raise Garbled("Labelbox still hides pre-labels")
