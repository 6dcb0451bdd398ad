"""`prelabel status`."""

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table

from prelabel.printing import counted
from prelabel_worker.accounts.pauses import has_end
from prelabel_worker.accounts.status import Accounts, AccountStatus, Stop
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.screen import console, new_table, styled
from prelabel_worker.cli.shared.terminal import AsJson, Project, RedisUrl, out, when
from prelabel_worker.queries.status import Inspector, ProjectStatus, Survey
from prelabel_worker.queries.workers import WorkerStatus

_REFRESH_SECONDS = 0.5
_SHOWN_NAMES = 5
COLUMNS = ("published", "pending", "imported", "superseded", "skipped", "dead", "discarded")


def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until interrupted.")] = False,
    project: Project = None,
    redis_url: RedisUrl = None,
) -> None:
    """Show what became of every row, by project, and which workers are alive.

    Example: prelabel status --watch
    """
    settings = settings_for(redis_url)
    client = connect(settings)
    inspector, accounts = Inspector(client, settings.key_prefix), Accounts(client, settings)
    if as_json:
        survey = inspector.survey(project)
        out(
            {
                "projects": [project_status.as_json() for project_status in survey.projects],
                "workers": [worker.as_json() for worker in inspector.workers()],
                "accounts": [account.as_json() for account in accounts.all()],
                "quarantined": [quarantined.as_json() for quarantined in survey.quarantined],
                "malformedNames": survey.malformed,
            }
        )
    elif watch:
        with Live(view(inspector, accounts, project), console=console(), refresh_per_second=4) as live:
            while True:
                time.sleep(_REFRESH_SECONDS)
                live.update(view(inspector, accounts, project))
    else:
        console().print(view(inspector, accounts, project))


def view(inspector: Inspector, accounts: Accounts | None = None, project: str | None = None) -> RenderableType:
    """Return the table of projects, the accounts that are stopped, and the line of workers."""
    stopped = [account for account in (accounts.all() if accounts else ()) if not account.in_order]
    notes = [f"account {account.name}: {account_note(account)}" for account in stopped]
    survey = inspector.survey(project)
    lines = [part for note in (*notes, *quarantine_notes(survey)) for part in ("", styled(note, "yellow"))]
    return Group(table(survey.projects), *lines, "", _workers(inspector.workers()))


def quarantine_notes(survey: Survey) -> list[str]:
    """Return a line about quarantined projects and one about names that no project can have, if there are any."""
    notes = []
    if count := len(survey.quarantined):
        names = ", ".join(quarantined.project_id for quarantined in survey.quarantined[:_SHOWN_NAMES])
        more = ", …" if count > _SHOWN_NAMES else ""
        notes.append(f"{count:,} {'project is' if count == 1 else 'projects are'} quarantined: {names}{more}")
    if count := survey.malformed:
        notes.append(f"{counted(count, 'name')} in the set of projects cannot be a project's")
    return [f"{note}; see prelabel doctor" for note in notes]


def table(projects: list[ProjectStatus]) -> Table:
    """Return a table of rows by outcome, one line a project."""
    numbers = (*COLUMNS, "oldest waits")
    rows = new_table("project", *numbers, "chunks", "note", numbers=numbers)
    for project in projects:
        oldest = "" if project.oldest_waiting_seconds is None else f"{project.oldest_waiting_seconds:.0f} s"
        chunks = ", ".join(f"{count} {state}" for state, count in project.chunks.items())
        counts = [f"{getattr(project, name):,}" for name in COLUMNS]
        notes = [f"paused: {project.paused}"] if project.paused else []
        notes += [f"{counted(project.stuck, 'stuck chunk')}: prelabel doctor"] if project.stuck else []
        notes += [f"{project.newer:,} for a newer worker"] if project.newer else []
        notes += [retrying_note(project)] if project.retrying else []
        rows.add_row(project.project_id, *counts, oldest, chunks, "; ".join(notes))
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
    until = f"until {when(stop.until)}" if has_end(stop.seconds) else "until it is resumed"
    key = f" (key {stop.fingerprint})" if stop.fingerprint else ""
    return f"{stop.kind}{key} {until}: {stop.why}"


def _workers(workers: list[WorkerStatus]) -> RenderableType:
    if not workers:
        return styled("no workers", "yellow")
    names = ", ".join(f"{worker.label} ({worker.version}, {worker.role})" for worker in workers)
    return styled(f"{counted(len(workers), 'worker')}: {names}")
