"""Read from Redis what is wrong now, in a few round trips for hundreds of projects. Writes nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prelabel.printing import counted
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.notify.fact import Fact, Kind, Value, quoted
from prelabel_worker.presence import SILENT_SECONDS, WorkerStatus, living, missing_roles
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.quarantine.quarantine import Quarantined
from prelabel_worker.queries.error_groups import ErrorGroup, ErrorGroups
from prelabel_worker.queries.overview import Overviews, ProjectSummary
from prelabel_worker.settings import Settings

_SHARE = 20


class Observer:
    """Looks for trouble in one Redis. Keep the object: a second look costs less."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._prefix = settings.key_prefix
        self._target = settings.freshness_seconds
        self._accounts = Accounts(client, settings)
        self._overviews = Overviews(client, settings)
        self._groups = ErrorGroups(client, settings.key_prefix)
        self._of_projects: list[Fact] = []
        self._due = 0.0

    def facts(self) -> list[Fact]:
        """Return everything that is wrong now. Raises redis.RedisError.

        Workers and accounts are looked at each time; projects again when 20 times as long has passed as that look took.
        """
        began = time.monotonic()
        if began >= self._due:
            self._of_projects = list(self._look_at_projects())
            self._due = time.monotonic() + _SHARE * (time.monotonic() - began)
        accounts = [account for account in self._accounts.of({}) if account.workers]
        return [
            *of_workers(living(self._client, self._prefix)),
            *(fact for account in accounts for fact in of_account(account)),
            *self._of_projects,
        ]

    def _look_at_projects(self) -> Iterator[Fact]:
        overview = self._overviews.read()
        projects = overview.projects.values()
        yield from map(of_quarantine, overview.quarantined)
        yield from (of_pause(project) for project in projects if project.paused is not None and project.purging is None)
        yield from self._late([project for project in projects if _should_move(project)], overview.at)
        dying = (group for group in self._groups.read() if group.rows and group.state in ("open", "regressed"))
        yield from map(of_group, dying)

    def _late(self, projects: Sequence[ProjectSummary], now: UnixTime) -> Iterator[Fact]:
        """Yield the projects whose oldest row without an outcome is older than the target."""
        if not self._target:
            return
        cut = self._oldest_chunks([project.project_id for project in projects if project.chunks])
        for project in projects:
            times = [at for at in (project.oldest_waiting_at, cut.get(project.project_id)) if at is not None]
            seconds = round(now - min(times, default=now))
            if seconds > self._target:
                yield of_late_rows(project.project_id, seconds, self._target)

    def _oldest_chunks(self, project_ids: Sequence[str]) -> Mapping[str, float]:
        """Return when the oldest open chunk of each project was cut; its rows are at least as old."""

        def commands(pipeline: Any, project_id: str) -> None:
            pipeline.zrange(keys.ProjectKeys(self._prefix, project_id).chunks, 0, 0, withscores=True)

        cut = {}
        for project_id, (chunks,) in ask(self._client, project_ids, commands):
            if isinstance(chunks, list) and chunks:
                cut[project_id] = chunks[0][1] / 1000
        return cut


def of_workers(workers: Sequence[WorkerStatus]) -> Iterator[Fact]:
    """Yield the roles that no worker has, and workers that died while others continue."""
    for role in missing_roles(workers):
        yield Fact(Kind.NO_WORKER, role, f"no worker with the role {quoted(role)} ticks: no row moves")
    alive = {worker.name for worker in workers if not worker.is_silent}
    for worker in workers:
        if alive and worker.is_silent and worker.name not in alive:
            name = quoted(worker.label)
            text = f"worker {name} has not ticked for {SILENT_SECONDS:.0f} s: it died, or cannot reach Redis"
            yield Fact(Kind.WORKER_LOST, worker.name, text, {"host": worker.host, "pid": worker.pid})


def of_account(account: AccountStatus) -> Iterator[Fact]:
    """Yield what stops an account."""
    name = quoted(account.name)
    if account.stops:
        kinds = ", ".join(stop.kind for stop in account.stops)
        yield Fact(Kind.ACCOUNT_STOPPED, account.name, f"account {name} is stopped: {kinds}", {"stops": kinds})
    if account.breaker != "closed":
        text = f"Labelbox does not answer account {name}: its breaker is open"
        yield Fact(Kind.LABELBOX_AWAY, account.name, text, {"failures": account.failures})


def of_quarantine(entry: Quarantined) -> Fact:
    """Return that a project's keys cannot be used."""
    text = f"project {quoted(entry.project_id)} is quarantined: its keys in Redis cannot be used"
    return Fact(Kind.PROJECT_QUARANTINED, entry.project_id, text, {"stage": entry.stage})


def of_pause(project: ProjectSummary) -> Fact:
    """Return that a project is paused, and why."""
    cause = project.pause_cause or "operator"
    text = f"project {quoted(project.project_id)} is paused ({cause})"
    why = f": {quoted(project.paused)}" if project.paused else ""
    return Fact(Kind.PROJECT_PAUSED, project.project_id, text + why, {"cause": cause})


def of_late_rows(project_id: str, seconds: int, target: float) -> Fact:
    """Return that the oldest row of a project is older than the target."""
    text = (
        f"rows of project {quoted(project_id)} are late: the oldest without an outcome is {seconds:,} s old "
        f"(target {target:,.0f} s)"
    )
    return Fact(Kind.ROWS_LATE, project_id, text, {"oldestSeconds": seconds, "targetSeconds": target})


def of_group(group: ErrorGroup) -> Fact:
    """Return that rows die of a cause, without the content of any: the suggestion is a name of the ontology."""
    place = f" at {quoted(group.field)}" if group.field else ""
    hint = f" ({quoted(group.suggestion)})" if group.suggestion else ""
    projects = counted(group.project_count, "project")
    begin = "a cause that was resolved is back" if group.state == "regressed" else "rows die of a new cause"
    text = f"{begin}: {quoted(group.reason or 'unknown')}{place}{hint}, {counted(group.rows, 'row')} in {projects}"
    fields: dict[str, Value] = {
        "reason": group.reason,
        "field": group.field,
        "state": group.state,
        "rows": group.rows,
        "projects": group.project_count,
    }
    return Fact(Kind.ERROR_GROUP, group.group, text, fields)


def _should_move(project: ProjectSummary) -> bool:
    """Return whether its rows should move: those of a paused project wait on purpose."""
    waits = project.waiting > 0 or project.chunks > 0
    return waits and project.paused is None and project.purging is None
