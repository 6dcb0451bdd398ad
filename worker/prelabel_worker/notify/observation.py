"""Read from Redis what is wrong now, in a few round trips for hundreds of projects. Writes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client, has_slots
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.notify.fact import Fact, Kind, quoted
from prelabel_worker.presence import WorkerStatus, living
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.settings import Settings

SILENT_SECONDS = 8.0
"""A worker announces itself every 2 s. One that has been silent for longer than this ticks no more."""
_ROLES = ("submit", "poll")
_TOGETHER = 500
_META = ("pausedUntil", "pauseReason", "pauseCause", "purgeMs", "lanes")


@dataclass(frozen=True, slots=True)
class _Project:
    """What one look at a project reads."""

    id: str
    #: Fields of `meta` by name; None for those that it lacks.
    meta: dict[str, bytes | None]
    #: Number of rows in its lanes.
    waiting: int
    #: When its oldest open chunk was cut, in ms; None without one.
    oldest_chunk_ms: float | None

    @property
    def purging(self) -> bool:
        return self.meta["purgeMs"] is not None

    def is_paused(self, now: float) -> bool:
        return float(self.meta["pausedUntil"] or 0) > now * 1000


class Observer:
    """Looks for trouble in one Redis."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._prefix = settings.key_prefix
        self._target = settings.freshness_seconds
        self._account = settings.account
        self._accounts = Accounts(client, settings)

    def facts(self, now: float) -> list[Fact]:
        """Return everything that is wrong now. Raises redis.RedisError."""
        workers = living(self._client, self._prefix)
        names = {self._account, *(name for worker in workers for name in worker.accounts)}
        return [
            *of_workers(workers),
            *(fact for name in sorted(names) for fact in of_account(self._accounts.status(name))),
            *self._of_quarantine(),
            *self._of_projects(now),
        ]

    def _of_quarantine(self) -> Iterator[Fact]:
        for entry in Quarantine(self._client, self._prefix).all():
            text = f"project {quoted(entry.project_id)} is quarantined: its keys in Redis cannot be used"
            yield Fact(Kind.PROJECT_QUARANTINED, entry.project_id, text, {"stage": entry.stage})

    def _of_projects(self, now: float) -> Iterator[Fact]:
        names = project_ids(self._client.zrange(keys.projects(self._prefix), 0, -1))
        together = 1 if has_slots(self._client) else _TOGETHER
        for start in range(0, len(names), together):
            projects = list(self._projects(names[start : start + together]))
            yield from (_paused(project) for project in projects if project.is_paused(now) and not project.purging)
            if self._target:
                yield from self._late([project for project in projects if _is_due(project, now)], now)

    def _projects(self, names: Sequence[str]) -> Iterator[_Project]:
        """Yield what these projects' keys say, without those whose keys cannot be read: these get into quarantine."""
        with self._client.pipeline(transaction=False) as pipeline:
            for name in names:
                project_keys = keys.ProjectKeys(self._prefix, name)
                pipeline.hmget(project_keys.meta, *_META)
                pipeline.hget(project_keys.inbox, "rows")
                pipeline.zrange(project_keys.chunks, 0, 0, withscores=True)
            answers = pipeline.execute(raise_on_error=False)
        for name, *parts in zip(names, answers[::3], answers[1::3], answers[2::3], strict=True):
            if not any(isinstance(part, redis.ResponseError) for part in parts):
                meta, rows, chunks = parts
                oldest = chunks[0][1] if chunks else None
                yield _Project(name, dict(zip(_META, meta, strict=True)), int(rows or 0), oldest)

    def _late(self, projects: Sequence[_Project], now: float) -> Iterator[Fact]:
        """Yield the projects whose oldest row without an outcome is older than the target."""
        arrived = self._oldest_arrivals([project for project in projects if project.waiting])
        for project in projects:
            oldest = min((ms for ms in (project.oldest_chunk_ms, arrived.get(project.id)) if ms), default=None)
            seconds = round(now - oldest / 1000) if oldest else 0
            if seconds > self._target:
                text = (
                    f"rows of project {quoted(project.id)} are late: the oldest without an outcome is {seconds:,} s "
                    f"old (target {self._target:,.0f} s)"
                )
                yield Fact(Kind.ROWS_LATE, project.id, text, {"oldestSeconds": seconds, "targetSeconds": self._target})

    def _oldest_arrivals(self, projects: Sequence[_Project]) -> dict[str, int]:
        """Return when the oldest row in the lanes of each project arrived, in ms."""
        if not projects:
            return {}
        lanes = [(project.id, lane) for project in projects for lane in range(_lanes(project))]
        with self._client.pipeline(transaction=False) as pipeline:
            for name, lane in lanes:
                pipeline.lindex(keys.ProjectKeys(self._prefix, name).lane(lane), 0)
            heads = pipeline.execute(raise_on_error=False)
        oldest: dict[str, int] = {}
        for (name, _), head in zip(lanes, heads, strict=True):
            if isinstance(head, bytes) and (arrived := _arrived(head)):
                oldest[name] = min(arrived, oldest.get(name, arrived))
        return oldest


def of_workers(workers: Sequence[WorkerStatus]) -> Iterator[Fact]:
    """Yield the roles that no worker has, and workers that died while others of their role continue."""
    ticking = [worker for worker in workers if worker.seen_seconds_ago <= SILENT_SECONDS]
    for role in _ROLES:
        if not any(worker.role in (role, "all") for worker in ticking):
            yield Fact(
                Kind.NO_WORKER, role, f"no worker with the role {quoted(role)} ticks: no row moves", {"role": role}
            )
    alive = {worker.name for worker in ticking}
    for worker in workers:
        if ticking and worker.seen_seconds_ago > SILENT_SECONDS and worker.name not in alive:
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


def _paused(project: _Project) -> Fact:
    cause = (project.meta["pauseCause"] or b"operator").decode("utf-8", "replace")
    why = (project.meta["pauseReason"] or b"").decode("utf-8", "replace")
    text = f"project {quoted(project.id)} is paused ({cause}): {quoted(why)}"
    return Fact(Kind.PROJECT_PAUSED, project.id, text, {"cause": cause})


def _is_due(project: _Project, now: float) -> bool:
    """Return whether its rows should move: the rows of a paused project wait on purpose."""
    moves = not project.purging and not project.is_paused(now)
    return moves and (project.waiting > 0 or project.oldest_chunk_ms is not None)


def _lanes(project: _Project) -> int:
    text = project.meta["lanes"] or b""
    return min(int(text), MAX_LANES) if text.isdigit() else 0


def _arrived(head: bytes) -> int | None:
    """Return when a lane's first entry arrived, in ms; None for an entry that is none of ours."""
    fields: list[Any] = head.split(b" ")
    return int(fields[7]) if len(fields) > 7 and fields[7].isdigit() else None
