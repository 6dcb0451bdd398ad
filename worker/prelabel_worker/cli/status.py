"""`prelabel status`."""

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from prelabel_worker.cli.common import AsJson, Project, RedisUrl, connect, console, out, settings_for
from prelabel_worker.inspector import Inspector, ProjectStatus, WorkerStatus

_REFRESH_SECONDS = 0.5
COLUMNS = ("published", "pending", "imported", "superseded", "skipped", "dead", "discarded")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted.")] = False,
    project: Project = None,
    redis_url: RedisUrl = None,
) -> None:
    """Show what became of every row, by project, and which workers live.

    Example: prelabel status --watch
    """
    settings = settings_for(redis_url)
    inspector = Inspector(connect(settings), settings.key_prefix)
    if as_json:
        projects = [each.as_json() for each in _projects(inspector, project)]
        out({"projects": projects, "workers": [each.as_json() for each in inspector.workers()]})
    elif watch:
        with Live(view(inspector, project), console=console(), refresh_per_second=4) as live:
            while True:
                time.sleep(_REFRESH_SECONDS)
                live.update(view(inspector, project))
    else:
        console().print(view(inspector, project))


def view(inspector: Inspector, project: str | None = None) -> RenderableType:
    """The table of projects and the line of workers."""
    return Group(table(_projects(inspector, project)), _workers(inspector.workers()))


def table(projects: list[ProjectStatus]) -> Table:
    """Rows by outcome, one line a project."""
    found = Table("project", box=None, header_style="bold", pad_edge=False)
    for name in (*COLUMNS, "oldest waits", "chunks", "note"):
        found.add_column(name, justify="left" if name in ("chunks", "note") else "right")
    for each in projects:
        oldest = "" if each.oldest_waiting_seconds is None else f"{each.oldest_waiting_seconds:.0f} s"
        chunks = ", ".join(f"{count} {state}" for state, count in each.chunks.items())
        counts = [f"{getattr(each, name):,}" for name in COLUMNS]
        notes = [f"paused: {each.paused}"] if each.paused else []
        notes += [f"{each.healing:,} heal"] if each.healing else []
        found.add_row(each.project_id, *counts, oldest, chunks, "; ".join(notes))
    return found


def _projects(inspector: Inspector, project: str | None) -> list[ProjectStatus]:
    return inspector.all() if project is None else [inspector.status(project)]


def _workers(workers: list[WorkerStatus]) -> Text:
    if not workers:
        return Text("\nno workers", style="yellow")
    return Text(
        f"\n{len(workers)} workers: " + ", ".join(f"{each.name} ({each.version}, {each.role})" for each in workers)
    )
