"""`prelabel dead show`, and how one dead letter is printed for a person."""

from typing import Annotated, Any

import typer

from prelabel.printing import command, counted
from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, USAGE, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.explain import EXPLAINED, explanation, text
from prelabel_worker.dead_letters.letter import DeadLetter

DeadLetterId = Annotated[str, typer.Argument(metavar="ID", help="The dead letter's id.")]


def show(
    dead_letter_id: DeadLetterId, project: Project = None, as_json: AsJson = False, redis_url: RedisUrl = None
) -> None:
    """Show one dead letter: why it died, what Labelbox answered, the message, and what you can do.

    Example: prelabel dead show 42 --project demo-project
    """
    dead_letter = only_dead_letter(Store(redis_url, project), dead_letter_id)
    if as_json:
        out(dead_letter.as_json())
    else:
        describe(dead_letter)


def only_dead_letter(store: Store, dead_letter_id: str) -> DeadLetter:
    """Return the dead letter of this id. Exit code 3 when there is none, 2 when several projects have one."""
    by_project = of_each(store.projects, lambda project_id: [store.rows.dead_letter(project_id, dead_letter_id)])
    dead_letters = [dead_letter for dead_letter in by_project if dead_letter is not None]
    if not dead_letters:
        say(f"no dead letter {dead_letter_id}")
        for project in store.projects:
            for row in of_each([project], lambda project_id: store.rows.rows(project_id, [dead_letter_id])):
                where = command("row show", row.data_row.partition(":")[2] or "KEY", project=project)
                say(f"row {dead_letter_id} of {project} is not dead, it is tried again: {where}")
        raise typer.Exit(NOTHING)
    if len(dead_letters) > 1:
        say(
            f"dead letter {dead_letter_id} exists in "
            f"{', '.join(dead_letter.project_id for dead_letter in dead_letters)}: name one with --project"
        )
        raise typer.Exit(USAGE)
    return dead_letters[0]


def describe(dead_letter: DeadLetter) -> None:
    """Print one dead letter for a person."""
    print_ = console().print
    print_(f"dead letter {dead_letter.id} of project {dead_letter.project_id}", style="bold", highlight=False)
    for name, value in _facts(dead_letter).items():
        if value:
            print_(f"  {name}: {text(value)}", markup=False, highlight=False)
    print_(f"  {dead_letter.message[:2000].decode('utf-8', 'replace')}", markup=False, highlight=False, soft_wrap=True)
    if adding := dead_letter.adding_command:
        print_(f"  add the data row: {adding}", highlight=False, soft_wrap=True)
    for action in ("retry", "discard") if dead_letter.whole_frame else ("retry", "edit", "discard"):
        command_line = command(f"dead {action}", dead_letter.id, project=dead_letter.project_id)
        if action == "retry":
            command_line = dead_letter.retry_command(dead_letter.id)
        print_(f"  {action}: {command_line}", highlight=False, soft_wrap=True)


def _facts(dead_letter: DeadLetter) -> dict[str, Any]:
    details = {name: value for name, value in dead_letter.details.items() if name not in EXPLAINED}
    taken = details.pop("taken", None) or []
    return {
        **explanation(dead_letter),
        **details,
        "group": dead_letter.group,
        "Labelbox already has": f"{counted(len(taken), 'annotation')}: {', '.join(taken)}" if taken else "",
        "data row": dead_letter.data_row,
        "model": dead_letter.model,
        "message": dead_letter.message_id,
        "stage": dead_letter.stage,
        "chunk": dead_letter.chunk_id,
        "import": dead_letter.import_name,
        "attempts": dead_letter.attempts,
        "retried": times(dead_letter.retried),
        "rows": dead_letter.weight,
        "first died": when(dead_letter.first_at) if dead_letter.retried else "",
        "died": when(dead_letter.last_at),
        "overtaken": "a newer message was imported; a retry will be superseded" if dead_letter.superseded else "",
    }


def times(count: int) -> str:
    """Return `retried once`, `retried n times`, or nothing."""
    return "" if not count else "retried once" if count == 1 else f"retried {count} times"
