"""`prelabel dead list` and `prelabel dead groups`."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from prelabel.printing import counted
from prelabel_worker.cli.dead.filters import Choice, Store, filtered
from prelabel_worker.cli.dead.show import times
from prelabel_worker.cli.shared.each_project import of_each
from prelabel_worker.cli.shared.screen import console, joined, new_table
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.explain import explanation, in_short
from prelabel_worker.dead_letters.letter import DeadLetter, DeadLetterGroup

if TYPE_CHECKING:
    from rich.table import Table


@filtered
def list_dead_letters(
    choice: Choice = Choice(),  # noqa: B008 - frozen; `filtered` gives the real one
    limit: Annotated[int, typer.Option(help="Maximum number of dead letters to show.", min=1)] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List dead letters, newest first. Exit code 3 when nothing matches.

    Example: prelabel dead list --project demo-project --reason unknown-feature --since 2h
    """
    store = Store(redis_url, choice.project)
    chosen = choice.filter_at(store.rows.now_ms())
    matching = of_each(store.projects, lambda project_id: store.rows.choose(project_id, chosen))
    dead_letters = list(islice(matching, limit))
    if as_json:
        out({"deadLetters": [dead_letter.as_json() for dead_letter in dead_letters]})
    elif dead_letters:
        screen = console()
        screen.print(_dead_letters(dead_letters, one_line=not screen.is_terminal))
    if not dead_letters:
        say("no dead letter matches")
        raise typer.Exit(NOTHING)


def groups(
    project: Project = None,
    limit: Annotated[int, typer.Option(help="Maximum number of groups to show for each project.", min=1)] = 100,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List groups of dead letters that have the same cause, largest first. Exit code 3 when there is none.

    Example: prelabel dead groups --project demo-project
    """
    store = Store(redis_url, project)
    listed = sorted(
        of_each(store.projects, lambda project_id: store.rows.groups(project_id, limit)), key=lambda group: -group.rows
    )
    if as_json:
        out({"groups": [group.as_json() for group in listed]})
    else:
        for group in listed:
            _print_group(group)
    if not listed:
        say("there is no dead letter")
        raise typer.Exit(NOTHING)


def _print_group(group: DeadLetterGroup) -> None:
    print_ = console().print
    print_(f"{group.sample.reason}: {counted(group.rows, 'row')} of {group.project_id}", style="bold", highlight=False)
    for name, value in {**explanation(group.sample), "group": group.group}.items():
        if name != "reason":
            print_(f"  {name}: {value[:200]}", markup=False, highlight=False)
    print_(f"  first {when(group.first_at)}, last {when(group.last_at)}, such as {group.sample.id}", highlight=False)
    if adding := group.sample.adding_command:
        print_(f"  add the data rows: {adding}", highlight=False, soft_wrap=True)
    print_(f"  {group.retry_command}", highlight=False, soft_wrap=True)


def _dead_letters(dead_letters: list[DeadLetter], *, one_line: bool = False) -> "Table":
    """Return the table, whose ids stay whole in 80 columns; a terminal shows a dead letter on several lines."""
    table = new_table("id", "project", "data row, problem")
    for dead_letter in dead_letters:
        problem = ": ".join(filter(None, (dead_letter.reason, in_short(dead_letter))))
        parts = filter(None, (dead_letter.data_row, problem, times(dead_letter.retried)))
        shown = joined(parts, "  " if one_line else "\n")
        table.add_row(dead_letter.id, dead_letter.project_id, shown)
    return table
