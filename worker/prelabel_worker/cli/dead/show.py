"""`prelabel dead show`, and a letter written for a person."""

from typing import Annotated, Any

import orjson
import typer

from prelabel.printing import command
from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, USAGE, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.letter import DeadLetter

LetterId = Annotated[str, typer.Argument(help="The letter's id.")]


def show(letter_id: LetterId, project: Project = None, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Show one dead letter: why it died, what Labelbox said and has, the message, and what can be done.

    Example: prelabel dead show 42 --project demo-project
    """
    letter = only_letter(Store(redis_url, project), letter_id)
    if as_json:
        out(letter.as_json())
    else:
        describe(letter)


def only_letter(store: Store, letter_id: str) -> DeadLetter:
    """The one letter of this id. Exit code 3 without one, 2 when several projects have one."""
    found = of_each(store.projects, lambda name: [store.rows.letter(name, letter_id)])
    letters = [letter for letter in found if letter is not None]
    if not letters:
        say(f"no dead letter {letter_id}")
        for name in store.projects:
            for row in of_each([name], lambda each: store.rows.rows(each, [letter_id])):
                key = row.data_row.partition(":")[2] or "KEY"
                say(f"{name} has a row {letter_id} that is tried again: {command('row show', key, project=name)}")
        raise typer.Exit(NOTHING)
    if len(letters) > 1:
        say(f"letter {letter_id} exists in {', '.join(each.project_id for each in letters)}: name one with --project")
        raise typer.Exit(USAGE)
    return letters[0]


def describe(letter: DeadLetter) -> None:
    """Print one letter for a person."""
    print_ = console().print
    print_(f"letter {letter.id} of project {letter.project_id}", style="bold", highlight=False)
    for name, value in _facts(letter).items():
        if value:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            print_(f"  {name}: {text}", markup=False, highlight=False)
    print_(f"  {letter.message[:2000].decode('utf-8', 'replace')}", markup=False, highlight=False)
    for action in ("retry", "discard") if letter.whole_frame else ("retry", "edit", "discard"):
        spelled = command(f"dead {action}", letter.id, project=letter.project_id)
        print_(f"  {action}: {spelled}", highlight=False, soft_wrap=True)


def _facts(letter: DeadLetter) -> dict[str, Any]:
    details = dict(letter.details)
    taken = details.pop("taken", None) or []
    return {
        "reason": letter.reason,
        "group": letter.group,
        **details,
        "Labelbox already has": f"{len(taken)} annotations: {', '.join(taken)}" if taken else "",
        "data row": letter.data_row,
        "model": letter.model,
        "message": letter.message_id,
        "stage": letter.stage,
        "chunk": letter.chunk_id,
        "import": letter.import_name,
        "attempts": letter.attempts,
        "retried": times(letter.retried),
        "rows": letter.weight,
        "first died": when(letter.first_at) if letter.retried else "",
        "died": when(letter.last_at),
        "overtaken": "a newer message was imported; a retry will be superseded" if letter.struck else "",
    }


def times(count: int) -> str:
    """`retried n times`, or nothing."""
    return "" if not count else "retried once" if count == 1 else f"retried {count} times"
