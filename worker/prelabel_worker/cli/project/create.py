"""`prelabel project create`: make a project with an editor, an ontology, and pre-labels that labelers see."""

from typing import Annotated

import typer

from prelabel.annotations.kinds import media_type_of
from prelabel.printing import command
from prelabel_worker.accounts.repeating import Stopped
from prelabel_worker.cli.setup.calling import AWAY_ERRORS, Account, calling, words
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.terminal import AWAY, USAGE, AsJson, RedisUrl, out, print_line, say, usage
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.ontology.media_types import known_media_type
from prelabel_worker.settings import Settings
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.editor_tasks import TaskType, check_media, evaluates_chats
from prelabel_worker.setup.ontologies import NoOntology, Ontologies, Ontology
from prelabel_worker.setup.projects import HalfDone, Projects


def create(
    ontology: Annotated[str, typer.Option(metavar="ID", help="The ontology's id, as prelabel ontology list shows it.")],
    name: Annotated[str | None, typer.Option(help="The project's name.")] = None,
    media_type: Annotated[str | None, typer.Option(help="IMAGE, VIDEO, TEXT …; else the ontology's.")] = None,
    editor_task_type: Annotated[
        TaskType | None,
        typer.Option(case_sensitive=False, help="For chats or responses; needs an ontology of that kind."),
    ] = None,
    hide: Annotated[bool, typer.Option("--hide", help="Do not show pre-labels to labelers (yet).")] = False,
    project_id: Annotated[
        str | None, typer.Option("--project-id", help="Finish a project that exists instead of making one.")
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Create a project, connect the ontology, show pre-labels to labelers, and print the project's id.

    Example: prelabel project create --name harbour --media-type IMAGE --ontology cl1a2b3c4d5e6f7g8h9i0j1k2
    """
    if (name is None) == (project_id is None):
        usage("give --name for a new project, or --project-id to finish one that exists")
    if editor_task_type is not None and project_id is not None:
        usage("--editor-task-type is for a new project: one that exists keeps its own")
    settings = settings_for(redis_url)
    with calling(settings, account) as calls:
        connected = _ontology(calls, ontology)
        media = _media(connected, media_type)
        task = _task(connected, editor_task_type, media) if project_id is None else None
        made = project_id or _made(calls, str(name), media, task)
        _set_up(settings, calls, made, ontology, show=not hide)
    if as_json:
        out({"projectId": made, "ontology": ontology, "mediaType": media, "editorTaskType": task, "shown": not hide})
    else:
        say(
            f"ontology '{connected.name}' is connected; pre-labels are {'hidden from' if hide else 'shown to'} labelers"
        )
        print_line(made)


def _ontology(calls: Calls, ontology_id: str) -> Ontology:
    """Return the ontology. Call before a project is made: a project without its ontology would be of no use."""
    try:
        return Ontologies(calls).read(ontology_id)
    except NoOntology as error:
        usage(f"{error}; nothing was made")


def _media(ontology: Ontology, option: str | None) -> str:
    """Return the media type. Exit code 2 when the option differs from the ontology's: Labelbox refuses that."""
    if option is None:
        if not ontology.media_type:
            usage("the ontology names no media type: give --media-type")
        return ontology.media_type.upper()
    media = known_media_type(option)
    if ontology.media_type and media_type_of(ontology.media_type) != media_type_of(media):
        usage(f"--media-type {media}: the ontology is for {ontology.media_type}; nothing was made")
    return media


def _task(ontology: Ontology, option: TaskType | None, media: str) -> TaskType | None:
    """Return the project's task type: the one of the option, or the one that takes pre-labels for such an ontology."""
    task = option
    if task is None and evaluates_chats(ontology.normalized):
        task = TaskType.OFFLINE_MODEL_CHAT_EVALUATION
        say(f"the ontology is for chats: the project is made with --editor-task-type {task}")
    if task is not None:
        check_media(task, f"--editor-task-type {task}", media)
    return task


def _made(calls: Calls, name: str, media: str, task: TaskType | None) -> str:
    try:
        return Projects(calls).create(name, media, task)
    except RequestError as error:
        if error.maybe_accepted:
            say(
                f"it is not known whether the project '{name}' was made: look for it in Labelbox. If it is there, give "
                "its --project-id in place of --name; if not, repeat the command"
            )
        raise


def _set_up(settings: Settings, calls: Calls, project_id: str, ontology: str, *, show: bool) -> None:
    to_resume = command("project create", project_id=project_id, ontology=ontology, hide=not show)
    try:
        Projects(calls).set_up(project_id, ontology, show=show)
    except HalfDone as half:
        done = "".join(f", {step} done" for step in half.done)
        say(f"{half.step} failed: {words(settings, half.error)}")
        say(f"project {project_id} exists{done}; to resume: {to_resume}")
        raise typer.Exit(AWAY if isinstance(half.error, AWAY_ERRORS) else USAGE) from None
    except Stopped:
        say(f"project {project_id} exists; to resume: {to_resume}")
        raise
