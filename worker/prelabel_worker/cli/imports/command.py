"""`prelabel import`: list, show, retry; `undo` has its own module."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prelabel.printing import command, counted
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import of_each, reading
from prelabel_worker.cli.shared.known import projects_named
from prelabel_worker.cli.shared.screen import console, new_table
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, report, say, when
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.status import Inspector

if TYPE_CHECKING:
    from rich.table import Table


def list_imports(
    project: Project = None,
    running: Annotated[bool, typer.Option("--running", help="Only imports in progress.")] = False,
    limit: Annotated[int, typer.Option(help="Maximum number of imports to show.", min=1)] = 30,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List chunks and their imports: first those in progress, then the settled ones, newest first.

    Exit code 3 if there are none.

    Example: prelabel import list --project demo-project
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    imports = Imports(client, settings.key_prefix)
    projects = projects_named(Inspector(client, settings.key_prefix), project)
    newest = list(islice(_newest(imports, projects, running), limit))
    if as_json:
        out({"imports": [status.as_json() for status in newest]})
    elif newest:
        console().print(_table(newest, HeldReader(client, settings.key_prefix).now_ms() / 1000))
    if not newest:
        say("no import is in progress" if running else "there is no import yet")
        raise typer.Exit(NOTHING)


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The import's name, its id at Labelbox, or the chunk's id.")
    ],
    project: Project = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Show one import: its chunk, attempts, times, and what became of its rows.

    Example: prelabel import show prelabel-5ab2c0ffee5ab2c0-1f…
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    imports = Imports(client, settings.key_prefix)
    for project_id in projects_named(Inspector(client, settings.key_prefix), project):
        status = None
        with reading(project_id):
            status = imports.find(project_id, name)
        if status is not None:
            out(status.as_json()) if as_json else describe(status)
            return
    say(f"no import {name}; settled imports are remembered for PRELABEL_HISTORY_DAYS")
    raise typer.Exit(NOTHING)


def retry(project: Project = None, as_json: AsJson = False, redis_url: RedisUrl = None) -> None:
    """Retry at once the chunks that a defect has stopped, of all projects or of one. Exit code 3 when none is stuck.

    Example: prelabel import retry --project demo-project
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    tried = 0
    for project_id in projects_named(Inspector(client, settings.key_prefix), project):
        with reading(project_id):
            chunks = Projects(client, settings.key_prefix).retry_stuck(project_id)
            if chunks:
                Actions(client, settings.key_prefix).record(project_id, "retry-stuck", {"chunks": chunks})
            tried += chunks
    if not tried:
        report(as_json, {"chunks": 0}, "no chunk is stuck")
        raise typer.Exit(NOTHING)
    report(as_json, {"chunks": tried}, f"trying {counted(tried, 'stuck chunk')} again now")


def describe(status: ImportStatus) -> None:
    """Print one import for a person."""
    print_ = console().print
    print_(f"chunk {status.chunk_id} of project {status.project_id}", style="bold", highlight=False)
    facts: dict[str, Any] = {
        "import": status.name,
        "id at Labelbox": status.import_id,
        "as": status.submit_as if status.import_id else "",
        "state": status.state,
        "why": status.why,
        "defect": status.defect,
        "stuck since": when(status.stuck_at),
        "verdict": status.verdict,
        "rows": f"{status.rows:,}",
        **{f"  {name}": f"{count:,}" for name, count in status.outcomes.items()},
        "annotations": f"{status.annotations:,}" if status.annotations else "",
        "refused annotations": f"{status.refused:,}" if status.refused else "",
        "attempts": str(status.attempts),
        "cut": when(status.cut_at),
        "submitted": when(status.submitted_at),
        "settled": when(status.settled_at),
        "account": status.account,
        "undone": _undone(status),
    }
    for name, value in facts.items():
        if value:
            print_(f"  {name}: {value}", markup=False, highlight=False, soft_wrap=True)


def _undone(status: ImportStatus) -> str:
    if status.undone_at:
        return f"{when(status.undone_at)}: deleted at Labelbox; its imported rows count as discarded"
    return f"begun, not finished: {command('import undo', status.chunk_id)} resumes it" if status.undoing else ""


def _newest(imports: Imports, projects: list[str], running: bool) -> Iterator[ImportStatus]:
    yield from of_each(projects, imports.open)
    if not running:
        settled = [of_each([project_id], imports.settled) for project_id in projects]
        yield from merge(*settled, key=lambda status: -(status.settled_at or 0))


def _table(imports: list[ImportStatus], now: float) -> "Table":
    columns = ("chunk", "project", "state", "rows", "outcomes", "attempts", "cut", "took")
    table = new_table(*columns, numbers=("rows", "attempts", "took"), spare="import")
    for status in imports:
        took = (status.settled_at or now) - (status.cut_at or now)
        outcomes = ", ".join(f"{count:,} {name}" for name, count in status.outcomes.items())
        note = f"stuck: {status.defect}" if status.stuck_at else status.why
        state = "undone" if status.undone_at else f"{status.state} ({note})" if note else status.state
        facts = (status.chunk_id, status.project_id, state, f"{status.rows:,}", outcomes, str(status.attempts))
        table.add_row(*facts, when(status.cut_at), f"{took:,.1f} s", status.name)
    return table
