"""`prelabel wait`."""

import time
from typing import Annotated

import typer

from prelabel_worker.cli.health.status import quarantine_notes, table
from prelabel_worker.cli.shared.terminal import (
    DONE_WITH_DEAD,
    TIMED_OUT,
    Project,
    RedisUrl,
    connect,
    console,
    say,
    settings_for,
    when,
)
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.queries.status import Inspector, ProjectStatus

_LOOK_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("wait")(wait)


def wait(
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 600,
    retrying: Annotated[
        bool, typer.Option("--retrying/--no-retrying", help="Also for retrying rows; else end when only such are left.")
    ] = True,
    project: Project = None,
    redis_url: RedisUrl = None,
) -> None:
    """Wait until no row is pending. Exit code 1 when there are dead letters, 3 when rows are still pending.

    Retrying rows (their data row is not in the project yet) are pending for up to --retry-hours of `project set`; that
    nothing else is left is said at once. What was being tried when the command began is waited for.

    Example: prelabel wait --timeout 60
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector, began_ms = Inspector(client, settings.key_prefix), HeldReader(client, settings.key_prefix).now_ms()
    deadline = time.monotonic() + timeout
    told = False
    for note in quarantine_notes(inspector.survey(project)):
        say(f"not waited for: {note}")
    while True:
        projects = [inspector.status(project)] if project else inspector.all()
        if all(each.pending == 0 for each in projects):
            break
        only_retrying = all(
            each.pending == each.retrying and inspector.only_retrying(each.project_id, began_ms) for each in projects
        )
        if only_retrying and not told:
            say(_retrying(projects))
            told = True
        if only_retrying and not retrying:
            console().print(table(projects))
            raise typer.Exit(TIMED_OUT)
        if time.monotonic() > deadline:
            say(f"{sum(each.pending for each in projects)} rows are still pending after {timeout:.0f} s")
            raise typer.Exit(TIMED_OUT)
        time.sleep(_LOOK_SECONDS)
    _report(projects)


def _retrying(projects: list[ProjectStatus]) -> str:
    rows = sum(each.retrying for each in projects)
    next_try = min((each.next_retry_at for each in projects if each.next_retry_at is not None), default=None)
    tried = "They are being tried" if next_try is None else f"The next is tried again {when(next_try)}"
    return (
        f"only retrying rows are left, {rows:,}: their data rows are not in the project (yet). {tried}; "
        "prelabel project retry P tries all now, --give-up makes dead letters of them"
    )


def _report(projects: list[ProjectStatus]) -> None:
    console().print(table(projects))
    if any(each.dead for each in projects):
        raise typer.Exit(DONE_WITH_DEAD)
