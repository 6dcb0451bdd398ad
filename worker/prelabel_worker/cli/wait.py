"""`prelabel wait`."""

import time
from typing import Annotated

import typer

from prelabel_worker.cli.common import (
    DONE_WITH_DEAD,
    TIMED_OUT,
    Project,
    RedisUrl,
    connect,
    console,
    say,
    settings_for,
)
from prelabel_worker.cli.status import table
from prelabel_worker.inspector import Inspector, ProjectStatus

_LOOK_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("wait")(wait)


def wait(
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 600,
    project: Project = None,
    redis_url: RedisUrl = None,
) -> None:
    """Wait until no row is pending. Exit code 1 when there are dead letters, 3 when the time is over.

    Example: prelabel wait --timeout 60
    """
    settings = settings_for(redis_url)
    inspector = Inspector(connect(settings), settings.key_prefix)
    deadline = time.monotonic() + timeout
    while True:
        projects = [inspector.status(project)] if project else inspector.all()
        if all(each.pending == 0 for each in projects):
            break
        if time.monotonic() > deadline:
            say(f"{sum(each.pending for each in projects)} rows are still pending after {timeout:.0f} s")
            raise typer.Exit(TIMED_OUT)
        time.sleep(_LOOK_SECONDS)
    _report(projects)


def _report(projects: list[ProjectStatus]) -> None:
    console().print(table(projects))
    if any(each.dead for each in projects):
        raise typer.Exit(DONE_WITH_DEAD)
