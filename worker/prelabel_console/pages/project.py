"""One project: its counts, what it waits for, its chunks and imports, and what an operator can do with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from prelabel.printing import counted
from prelabel.unix_time import UnixTime
from prelabel_console.access.roles import Role
from prelabel_console.console import Console, console_of, visitor_of
from prelabel_console.endpoints import Form, Missing, Rejected, act, page
from prelabel_console.pages.pausing import DURATIONS, reason_of, seconds_of
from prelabel_console.render import done, project_path, render
from prelabel_console.traffic import traffic_of
from prelabel_worker.accounts.status import AccountStatus
from prelabel_worker.chunks.chunk import GROUND_TRUTH_VERSION
from prelabel_worker.operations.overrides import OVERRIDES, BadOverride, shown
from prelabel_worker.quarantine.names import project_id as project_id_of
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import ImportStatus
from prelabel_worker.queries.overview import Overview
from prelabel_worker.queries.status import OUTCOMES, ProjectStatus
from prelabel_worker.queries.waiting import Surroundings, Wait

_CHUNKS = 20
_IMPORTS = 20
_ACTIONS = 8
_RETRYING = 10
RETRY_HOURS = 24.0
"""For how long a row is tried again if nobody has set it, as in scripts/lib/held_lib.lua."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of the sum that the counts of a project are."""

    #: What became of the rows.
    name: str
    #: How many they are.
    rows: int
    #: Their share of the published rows.
    share: float


def terms_of(status: ProjectStatus) -> list[Term]:
    """Return the parts whose sum is the number of published rows."""
    counts = {name: getattr(status, name) for name in OUTCOMES} | {"pending": status.pending}
    whole = max(1, status.published)
    return [Term(name, rows, rows / whole) for name, rows in counts.items()]


def project_page(request: Request) -> Response:
    """Answer one project."""
    console, project_id = console_of(request), known_project(request)
    reading = console.overview.latest()
    with readable(project_id):
        status = console.inspector.status(project_id)
        overrides = console.inspector.overrides(project_id)
        open_chunks = console.imports.open(project_id)
        settled = list(islice(console.imports.settled(project_id, _IMPORTS), _IMPORTS))
        undoing = console.imports.undoing(project_id)
        retrying = retrying_rows(console, project_id, overrides) if status.retrying else []
    if not status.published and project_id not in reading.value.projects and not overrides:
        raise Missing(f"No row of a project {project_id} has been published, and nothing is set for it.")
    return render(
        request,
        "project.html",
        section="projects",
        project_id=project_id,
        status=status,
        terms=terms_of(status),
        hour=traffic_of(console.flow_reader.minutes(project_id)),
        day=traffic_of(console.flow_reader.quarters(project_id), draw_current=True),
        waits=_waits(reading.value, status),
        chunks=open_chunks[:_CHUNKS],
        more_chunks=max(0, len(open_chunks) - _CHUNKS),
        imports=_with_unfinished(undoing, settled),
        retrying=retrying,
        overrides=shown(overrides),
        options=OVERRIDES,
        open_chunks=console.settings.open_chunks,
        durations=DURATIONS,
        account=_account(console, reading.value, overrides),
        actions=console.actions().last(project_id, _ACTIONS),
    )


@dataclass(frozen=True, slots=True)
class RetryingRow:
    """A row that is tried again when its reason may have passed."""

    #: The row's id among held rows.
    held_id: str
    #: Why it was held.
    reason: str
    #: How many times it was held.
    attempts: int
    #: When it is tried next.
    next_at: UnixTime
    #: When it becomes a dead letter, if it still fails then; None if that is not known.
    until: UnixTime | None


def retrying_rows(console: Console, project_id: str, overrides: Mapping[str, str]) -> list[RetryingRow]:
    """Return the rows that are tried next."""
    seconds = float(overrides.get("retryHours") or RETRY_HOURS) * 3600
    rows = []
    for held_id, next_at, state in console.held.retrying(project_id, _RETRYING):
        until = UnixTime(state.since / 1000 + seconds) if state.since else None
        rows.append(RetryingRow(held_id, state.reason, state.attempts, next_at, until))
    return rows


def known_project(request: Request) -> str:
    """Return the project that the address names. Raises Missing for a name that no project can have."""
    name = request.path_params["project_id"]
    project_id = project_id_of(name.encode("utf-8", "replace"))
    if project_id is None:
        raise Missing("No project can have this id.")
    return project_id


def _waits(overview: Overview, status: ProjectStatus) -> list[Wait]:
    accounts = {account.name: account for account in overview.accounts}
    return Surroundings(accounts, overview.workers).waits([status])


def _with_unfinished(undoing: list[ImportStatus], settled: list[ImportStatus]) -> list[ImportStatus]:
    """Return the imports whose undo has not finished, which the history may lack, and then the newest."""
    shown_ids = {status.chunk_id for status in settled}
    return [*(status for status in undoing if status.chunk_id not in shown_ids), *settled]


def _account(console: Console, overview: Overview, overrides: Mapping[str, str]) -> AccountStatus | None:
    name = overrides.get("account") or console.settings.account
    return next((account for account in overview.accounts if account.name == name), None)


def pause(request: Request, form: Form) -> Response:
    """Stop the project's uploads."""
    console, project_id, visitor = console_of(request), known_project(request), visitor_of(request)
    seconds, why = seconds_of(form), form["why"].strip()[:200]
    console.pauses.pause_project(project_id, reason_of(visitor, why), seconds)
    console.actions(visitor).record(project_id, "pause", {"why": why, "pauseSeconds": seconds})
    return _done(request, f"{project_id} is paused")


def resume(request: Request, _: Form) -> Response:
    """End the project's pause, or give up its purge."""
    console, project_id, visitor = console_of(request), known_project(request), visitor_of(request)
    if not console.projects.resume(project_id):
        return _done(request, f"{project_id} was not paused any more")
    console.actions(visitor).record(project_id, "resume", {})
    return _done(request, f"{project_id} is resumed")


def flush(request: Request, _: Form) -> Response:
    """Import the waiting rows now."""
    console, project_id = console_of(request), known_project(request)
    rows = console.projects.flush(project_id)
    console.actions(visitor_of(request)).record(project_id, "flush", {"rows": rows})
    return _done(request, f"cutting {counted(rows, 'waiting row')} of {project_id} into chunks now")


def retry(request: Request, _: Form) -> Response:
    """Try all retrying rows now."""
    console, project_id = console_of(request), known_project(request)
    rows = console.held.retry_now(project_id)
    if not rows:
        return _done(request, f"no row of {project_id} is retrying any more")
    console.actions(visitor_of(request)).record(project_id, "retry", {"rows": rows})
    return _done(request, f"trying {counted(rows, 'row')} of {project_id} again now")


def refresh(request: Request, _: Form) -> Response:
    """Have the ontology fetched again."""
    console, project_id = console_of(request), known_project(request)
    console.projects.refresh_ontology(project_id)
    console.actions(visitor_of(request)).record(project_id, "refresh", {})
    return _done(request, f"workers fetch the ontology of {project_id} again before they check the next rows")


def retry_stuck(request: Request, _: Form) -> Response:
    """Try the chunks again that a defect has stopped."""
    console, project_id = console_of(request), known_project(request)
    chunks = console.projects.retry_stuck(project_id)
    console.actions(visitor_of(request)).record(project_id, "retry-stuck", {"chunks": chunks})
    return _done(request, f"trying {counted(chunks, 'stuck chunk')} of {project_id} again now")


def set_overrides(request: Request, form: Form) -> Response:
    """Set the overrides that differ from what is in force; an empty field removes one."""
    console, project_id = console_of(request), known_project(request)
    current = shown(console.inspector.overrides(project_id))
    wanted = {override: form[override.option].strip() for override in OVERRIDES if override.option in form}
    changed = {override: value for override, value in wanted.items() if value != current.get(override.option, "")}
    try:
        fields = {override.field: override.parse(value or "default") for override, value in changed.items()}
    except BadOverride as error:
        raise Rejected(str(error).removeprefix("--")) from None
    if not fields:
        return _done(request, "nothing was changed: the values are those in force")
    if fields.get("submitAs"):
        _refuse_older(console)
    console.projects.override(project_id, fields)
    values = {override.option: value or "default" for override, value in changed.items()}
    console.actions(visitor_of(request)).record(project_id, "set", values)
    return _done(request, ", ".join(f"{option}: {value}" for option, value in values.items()))


def _refuse_older(console: Console) -> None:
    """Raise Rejected while an older worker is alive: it would import ground truth as pre-labels."""
    older = [worker.label for worker in console.inspector.workers() if worker.knows < GROUND_TRUTH_VERSION]
    if older:
        raise Rejected(
            f"These workers would import ground truth as pre-labels, finish the upgrade first: {', '.join(older)}."
        )


def _done(request: Request, text: str) -> Response:
    console_of(request).overview.renew()
    return done(request, project_path(known_project(request)), text)


_PATH = "/projects/{project_id}"
ROUTES = [
    page(_PATH, project_page, "project"),
    act(f"{_PATH}/pause", pause, "project-pause"),
    act(f"{_PATH}/resume", resume, "project-resume"),
    act(f"{_PATH}/flush", flush, "project-flush"),
    act(f"{_PATH}/retry", retry, "project-retry"),
    act(f"{_PATH}/refresh", refresh, "project-refresh"),
    act(f"{_PATH}/retry-stuck", retry_stuck, "project-retry-stuck"),
    act(f"{_PATH}/set", set_overrides, "project-set", Role.ADMIN),
]
