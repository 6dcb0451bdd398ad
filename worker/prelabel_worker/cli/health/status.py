"""`prelabel status`."""

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table

from prelabel_worker.accounts.status import Accounts, AccountStatus, Stop
from prelabel_worker.cli.shared.terminal import (
    AsJson,
    Project,
    RedisUrl,
    connect,
    console,
    out,
    settings_for,
    styled,
    when,
)
from prelabel_worker.queries.status import Inspector, ProjectStatus, Survey, WorkerStatus

_REFRESH_SECONDS = 0.5
_SHOWN_NAMES = 5
_YEAR_SECONDS = 366 * 86_400  # an operator's pause has no end
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
    client = connect(settings)
    inspector, accounts = Inspector(client, settings.key_prefix), Accounts(client, settings)
    if as_json:
        survey = inspector.survey(project)
        found = {
            "projects": [each.as_json() for each in survey.projects],
            "workers": [each.as_json() for each in inspector.workers()],
            "accounts": [each.as_json() for each in accounts.all()],
            "quarantined": [each.as_json() for each in survey.quarantined],
            "malformedNames": survey.malformed,
        }
        out(found)
    elif watch:
        with Live(view(inspector, accounts, project), console=console(), refresh_per_second=4) as live:
            while True:
                time.sleep(_REFRESH_SECONDS)
                live.update(view(inspector, accounts, project))
    else:
        console().print(view(inspector, accounts, project))


def view(inspector: Inspector, accounts: Accounts | None = None, project: str | None = None) -> RenderableType:
    """The table of projects, the accounts that are stopped, and the line of workers."""
    stopped = [each for each in (accounts.all() if accounts else ()) if not each.in_order]
    notes = [f"account {each.name}: {account_note(each)}" for each in stopped]
    survey = inspector.survey(project)
    lines = [part for note in (*notes, *quarantine_notes(survey)) for part in ("", styled(note, "yellow"))]
    return Group(table(survey.projects), *lines, "", _workers(inspector.workers()))


def quarantine_notes(survey: Survey) -> list[str]:
    """Return a line for projects that are quarantined and one for names that no project can have."""
    notes = []
    if count := len(survey.quarantined):
        names = ", ".join(each.project_id for each in survey.quarantined[:_SHOWN_NAMES])
        more = ", …" if count > _SHOWN_NAMES else ""
        notes.append(f"{count:,} {'project is' if count == 1 else 'projects are'} quarantined: {names}{more}")
    if count := survey.malformed:
        notes.append(f"{count:,} {'name' if count == 1 else 'names'} in the set of projects cannot be a project's")
    return [f"{note}; see prelabel doctor" for note in notes]


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
        notes += (
            [f"{each.stuck:,} stuck {'chunk' if each.stuck == 1 else 'chunks'}: prelabel doctor"] if each.stuck else []
        )
        notes += [f"{each.newer:,} for a newer worker"] if each.newer else []
        notes += [retrying_note(each)] if each.retrying else []
        found.add_row(each.project_id, *counts, oldest, chunks, "; ".join(notes))
    return found


def retrying_note(status: ProjectStatus) -> str:
    """How many rows retry, and how many of those are being tried."""
    tried = f" ({status.retrying_queued:,} being tried)" if status.retrying_queued else ""
    return f"{status.retrying:,} retry{tried}"


def account_note(account: AccountStatus) -> str:
    """What keeps an account's requests; '' when nothing does."""
    parts = [_stop(stop) for stop in account.stops]
    if account.breaker != "closed":
        parts.append("breaker open" if account.breaker == "open" else "breaker open, one request tries Labelbox")
    return "; ".join(parts)


def _stop(stop: Stop) -> str:
    until = f"until {when(stop.until)}" if stop.seconds < _YEAR_SECONDS else "until it is resumed"
    key = f" (key {stop.fingerprint})" if stop.fingerprint else ""
    return f"{stop.kind}{key} {until}: {stop.why}"


def _workers(workers: list[WorkerStatus]) -> RenderableType:
    if not workers:
        return styled("no workers", "yellow")
    names = ", ".join(f"{each.name} ({each.version}, {each.role})" for each in workers)
    return styled(f"{len(workers)} workers: {names}")
