"""`prelabel import`: what is being imported, and what became of what was; undoing is in `undoing.py`."""

import time
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Annotated, Any

import typer
from rich.table import Table

from prelabel.printing import command
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import of_each, reading
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import NOTHING, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.status import Inspector


def list_imports(
    project: Project = None,
    running: Annotated[bool, typer.Option("--running", help="Only those in progress.")] = False,
    limit: Annotated[int, typer.Option(help="Most imports to show.", min=1)] = 30,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """List chunks and their imports: those in progress, then those settled, newest first. Exit code 3 when none is.

    Example: prelabel import list --project demo-project
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    imports = Imports(client, settings.key_prefix)
    projects = [project] if project else Inspector(client, settings.key_prefix).projects()
    found = list(islice(_newest(imports, projects, running), limit))
    if as_json:
        out({"imports": [each.as_json() for each in found]})
    else:
        console().print(_table(found))
    if not found:
        raise typer.Exit(NOTHING)


def show(
    name: Annotated[str, typer.Argument(help="The import's name, its id at Labelbox, or the chunk's id.")],
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
    for project_id in [project] if project else Inspector(client, settings.key_prefix).projects():
        found = None
        with reading(project_id):
            found = imports.find(project_id, name)
        if found is not None:
            out(found.as_json()) if as_json else describe(found)
            return
    say(f"no import {name}; settled ones are known for PRELABEL_HISTORY_DAYS")
    raise typer.Exit(NOTHING)


def retry(project: Project = None, redis_url: RedisUrl = None) -> None:
    """Try the chunks again now that a defect stops, of all projects or of one. Exit code 3 when none is stuck.

    Example: prelabel import retry --project demo-project
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    tried = 0
    for project_id in [project] if project else Inspector(client, settings.key_prefix).projects():
        with reading(project_id):
            chunks = Projects(client, settings.key_prefix).retry_stuck(project_id)
            if chunks:
                Actions(client, settings.key_prefix).record(project_id, "retry-stuck", {"chunks": chunks})
            tried += chunks
    if not tried:
        say("no chunk is stuck")
        raise typer.Exit(NOTHING)
    say(f"{tried:,} {'chunk is' if tried == 1 else 'chunks are'} tried again now")


def describe(found: ImportStatus) -> None:
    """Print one import for a person."""
    print_ = console().print
    print_(f"chunk {found.chunk_id} of project {found.project_id}", style="bold", highlight=False)
    facts: dict[str, Any] = {
        "import": found.name,
        "id at Labelbox": found.import_id,
        "as": found.submit_as if found.import_id else "",
        "state": found.state,
        "why": found.why,
        "defect": found.defect,
        "stuck since": when(found.stuck_at),
        "verdict": found.verdict,
        "rows": f"{found.rows:,}",
        **{f"  {name}": f"{count:,}" for name, count in found.outcomes.items()},
        "annotations": f"{found.annotations:,}" if found.annotations else "",
        "refused annotations": f"{found.refused:,}" if found.refused else "",
        "attempts": str(found.attempts),
        "cut": when(found.cut_at),
        "submitted": when(found.submitted_at),
        "settled": when(found.settled_at),
        "account": found.account,
        "undone": _undone(found),
    }
    for name, value in facts.items():
        if value:
            print_(f"  {name}: {value}", markup=False, highlight=False)


def _undone(found: ImportStatus) -> str:
    if found.undone_at:
        return f"{when(found.undone_at)}: deleted at Labelbox; its imported rows count as discarded"
    return f"begun, not finished: {command('import undo', found.chunk_id)} goes on" if found.undoing else ""


def _newest(imports: Imports, projects: list[str], running: bool) -> Iterator[ImportStatus]:
    yield from of_each(projects, imports.open)
    if not running:
        each_settled = [of_each([project_id], imports.settled) for project_id in projects]
        yield from merge(*each_settled, key=lambda found: -(found.settled_at or 0))


def _table(found: list[ImportStatus]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("chunk", "project", "state", "rows", "outcomes", "attempts", "cut", "took", "import"):
        table.add_column(name, justify="right" if name in ("rows", "attempts", "took") else "left")
    for each in found:
        took = (each.settled_at or time.time()) - (each.cut_at or time.time())
        outcomes = ", ".join(f"{count:,} {name}" for name, count in each.outcomes.items())
        note = f"stuck: {each.defect}" if each.stuck_at else each.why
        state = "undone" if each.undone_at else f"{each.state} ({note})" if note else each.state
        facts = (each.chunk_id, each.project_id, state, f"{each.rows:,}", outcomes, str(each.attempts))
        table.add_row(*facts, when(each.cut_at), f"{took:.1f} s", each.name)
    return table
