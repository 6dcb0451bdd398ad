"""`prelabel status`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from prelabel.printing import and_more, command, counted
from prelabel_worker.accounts.status import Accounts, AccountStatus, Stop
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.known import check_project, say_no_rows
from prelabel_worker.cli.shared.screen import console, new_table, styled
from prelabel_worker.cli.shared.terminal import AsJson, Project, RedisUrl, out, when
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.queries.status import Inspector, ProjectStatus, Survey
from prelabel_worker.queries.waiting import Surroundings

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_REFRESH_SECONDS = 0.5
_SHOWN_NAMES = 5
_SHOWN_WAITS = 20
_NARROW = 125  # columns that all columns need beside an id of Labelbox
_ALWAYS = ("project", "published", "pending", "imported", "dead")
COLUMNS = ("published", "pending", "imported", "superseded", "skipped", "dead", "discarded")


def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until interrupted.")] = False,
    project: Project = None,
    redis_url: RedisUrl = None,
) -> None:
    """Show what became of every row, by project, and which workers are alive.

    Says why pending rows wait, and what you can do. Exit code 3 for a project that is not known here.

    Example: prelabel status --watch
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector, accounts = Inspector(client, settings.key_prefix), Accounts(client, settings)
    if project:
        check_project(inspector, project)
    if as_json:
        survey = inspector.survey(project)
        surroundings = Surroundings.read(client, settings)
        out(
            {
                "projects": [project_status.as_json() for project_status in survey.projects],
                "waits": [wait.as_json() for wait in surroundings.waits(survey.projects)],
                "workers": [worker.as_json() for worker in surroundings.workers],
                "accounts": [account.as_json() for account in surroundings.accounts.values()],
                "quarantined": [quarantined.as_json() for quarantined in survey.quarantined],
                "malformedNames": survey.malformed,
            }
        )
    elif watch:
        from rich.live import Live

        with Live(view(inspector, accounts, project), console=console(), refresh_per_second=4) as live:
            while True:
                time.sleep(_REFRESH_SECONDS)
                live.update(view(inspector, accounts, project))
    else:
        # The terminal itself wraps what is too long: a command with a line end in it cannot be pasted.
        console().print(view(inspector, accounts, project), soft_wrap=True)
        if not inspector.projects():
            say_no_rows(settings)


def view(inspector: Inspector, accounts: Accounts | None = None, project: str | None = None) -> "RenderableType":
    """Return the table of projects, the accounts that are stopped, why rows wait, and the line of workers."""
    from rich.console import Group

    by_name = {account.name: account for account in (accounts.all() if accounts else ())}
    stopped = [account for account in by_name.values() if not account.in_order]
    notes = [f"account {account.name}: {account_note(account)}" for account in stopped]
    survey, workers = inspector.survey(project), inspector.workers()
    waits = Surroundings(by_name, workers).waits(survey.projects)
    # The accounts and the number of workers have lines of their own.
    of_projects = [str(wait) for wait in waits if wait.cause not in ("account", "no-worker")]
    notes += [*of_projects[:_SHOWN_WAITS], *and_more(len(of_projects), _SHOWN_WAITS)]
    lines = [part for note in (*notes, *quarantine_notes(survey)) for part in ("", styled(note, "yellow"))]
    listed, left_out = (survey.projects, []) if project else without_emptied(survey.projects)
    lines += [part for note in left_out for part in ("", styled(note))]
    rows = [table(listed)] if listed else []
    return Group(*rows, *lines, *([""] if rows or lines else []), _workers(workers))


def quarantine_notes(survey: Survey) -> list[str]:
    """Return a line about quarantined projects and one about names that no project can have, if there are any."""
    notes = []
    if count := len(survey.quarantined):
        names = ", ".join(quarantined.project_id for quarantined in survey.quarantined[:_SHOWN_NAMES])
        more = ", …" if count > _SHOWN_NAMES else ""
        notes.append(f"{count:,} {'project is' if count == 1 else 'projects are'} quarantined: {names}{more}")
    if count := survey.malformed:
        notes.append(f"{counted(count, 'name')} in the set of projects cannot be a project's")
    return [f"{note}; see {command('doctor')}" for note in notes]


def without_emptied(projects: list[ProjectStatus]) -> tuple[list[ProjectStatus], list[str]]:
    """Return the projects that a list shows, and a line about those that it leaves out if there are any."""
    listed = [project for project in projects if not project.is_emptied]
    names = [project.project_id for project in projects if project.is_emptied]
    if not names:
        return listed, []
    number, example = counted(len(names), "project"), command("status", project=names[0])
    return listed, [f"{number} not listed, since all rows were discarded; show one with {example}"]


def table(projects: list[ProjectStatus], *, narrow: bool | None = None) -> "Table":
    """Return a table of rows by outcome, one line a project; a narrow screen gets no columns without content."""
    numbers = (*COLUMNS, "oldest waits")
    lines = []
    for project in projects:
        oldest = "" if project.oldest_waiting_seconds is None else f"{project.oldest_waiting_seconds:.0f} s"
        chunks = ", ".join(f"{count} {state}" for state, count in project.chunks.items())
        counts = [f"{getattr(project, name):,}" for name in COLUMNS]
        notes = [f"paused: {project.paused}"] if project.paused else []
        notes += [f"being purged by {project.purging}"] if project.purging is not None else []
        notes += [f"{counted(project.stuck, 'stuck chunk')}: see doctor"] if project.stuck else []
        notes += [f"{project.newer:,} for a newer worker"] if project.newer else []
        notes += [retrying_note(project)] if project.retrying else []
        lines.append((project.project_id, *counts, oldest, chunks, "; ".join(notes)))
    columns = ("project", *numbers, "chunks", "note")
    narrow = console().width < _NARROW if narrow is None else narrow
    kept = [
        at
        for at, column in enumerate(columns)
        if not narrow or column in _ALWAYS or any(line[at] not in ("", "0") for line in lines)
    ]
    rows = new_table(*(columns[at] for at in kept), numbers=numbers)
    for line in lines:
        rows.add_row(*(line[at] for at in kept))
    return rows


def retrying_note(status: ProjectStatus) -> str:
    """Return how many rows are retrying, and how many of them are being tried now."""
    tried = f" ({status.retrying_queued:,} being tried)" if status.retrying_queued else ""
    return f"{status.retrying:,} retrying{tried}"


def account_note(account: AccountStatus) -> str:
    """Return what stops an account's requests; '' when nothing does."""
    parts = [_stop(stop) for stop in account.stops]
    if account.breaker != "closed":
        parts.append("breaker open" if account.breaker == "open" else "breaker open, one request tries Labelbox")
    return "; ".join(parts)


def _stop(stop: Stop) -> str:
    until = f"until {when(stop.until) or 'it is resumed'}"
    key = f" (key {stop.fingerprint})" if stop.fingerprint else ""
    return f"{stop.kind}{key} {until}: {stop.why}"


def _workers(workers: list[WorkerStatus]) -> "RenderableType":
    if not workers:
        return styled("no workers", "yellow")
    names = ", ".join(f"{worker.label} ({worker.version}, {worker.role})" for worker in workers)
    return styled(f"{counted(len(workers), 'worker')}: {names}")
