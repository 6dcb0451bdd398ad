"""`prelabel wait`."""

import time
from typing import Annotated

import typer

from prelabel.printing import command, counted
from prelabel_worker.cli.health.status import quarantine_notes, table
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.explaining import Explaining
from prelabel_worker.cli.shared.known import check_project, say_no_rows
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, TIMED_OUT, AsJson, Project, RedisUrl, out, say, when
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.queries.waiting import Wait

_LOOK_SECONDS = 0.2


def wait(
    timeout: Annotated[float, typer.Option(help="Maximum seconds to wait.", min=0)] = 600,
    retrying: Annotated[
        bool,
        typer.Option(
            "--retrying/--no-retrying", help="Wait for retrying rows too; else end when only retrying rows remain."
        ),
    ] = True,
    project: Project = None,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Wait until no row is pending. Exit code 1 when there are dead letters, 3 when rows are still pending.

    Says why rows wait, and what you can do, such as when Labelbox does not know the project. Exit code 3 also for a
    project that is not known here.

    Retrying rows, whose data row is not in the project yet, stay pending for up to --retry-hours of `project set`. The
    command says so as soon as only such rows remain. It waits for the outcome of those that are being tried when it
    begins.

    Example: prelabel wait --timeout 60
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector, began_ms = Inspector(client, settings.key_prefix), HeldReader(client, settings.key_prefix).now_ms()
    if project:
        check_project(inspector, project)
    deadline = time.monotonic() + timeout
    reported = False
    explain = Explaining(client, settings)
    for note in quarantine_notes(inspector.survey(project)):
        say(f"not waited for: {note}")
    while True:
        projects = [inspector.status(project)] if project else inspector.all()
        if all(status.pending == 0 for status in projects):
            break
        only_retrying = all(
            status.pending == status.retrying and inspector.only_retrying(status.project_id, began_ms)
            for status in projects
        )
        explain.look(projects)
        if only_retrying and not reported:
            say(_retrying(projects))
            reported = True
        if only_retrying and not retrying:
            _print(projects, explain.look(projects, now=True), as_json)
            raise typer.Exit(TIMED_OUT)
        if time.monotonic() > deadline:
            waits = explain.look(projects, now=True)
            say(f"still pending after {timeout:.0f} s: {counted(sum(status.pending for status in projects), 'row')}")
            if as_json:
                _print(projects, waits, as_json)
            raise typer.Exit(TIMED_OUT)
        time.sleep(_LOOK_SECONDS)
    _print(projects, [], as_json)
    if not projects:
        say_no_rows(settings)
    if any(status.dead for status in projects):
        raise typer.Exit(DONE_WITH_DEAD)


def _retrying(projects: list[ProjectStatus]) -> str:
    rows = sum(status.retrying for status in projects)
    next_try = min((status.next_retry_at for status in projects if status.next_retry_at is not None), default=None)
    next_step = "They are being tried" if next_try is None else f"The next is tried again {when(next_try)}"
    waiting = next((status.project_id for status in projects if status.retrying), "PROJECT")
    return (
        f"only retrying rows remain, {rows:,}: their data rows are not in the project (yet). {next_step}; "
        f"{command('project retry', waiting)} tries all of them now, with --give-up it makes them dead letters"
    )


def _print(projects: list[ProjectStatus], waits: list[Wait], as_json: bool) -> None:
    if as_json:
        listed = [status.as_json() for status in projects]
        out({"projects": listed, "waits": [wait.as_json() for wait in waits]})
    elif projects:
        console().print(table(projects))
