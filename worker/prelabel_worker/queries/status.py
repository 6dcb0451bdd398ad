"""The state of projects: counts, ages, pauses and living workers. Writes nothing and opens no broker connection."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, TypedDict

from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, seconds_of
from prelabel.wire.frame import VERSION
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.accounts.pauses import has_end
from prelabel_worker.chunks.chunk import KNOWN_VERSION
from prelabel_worker.chunks.imported_rows import EXACT_ROWS
from prelabel_worker.chunks.project_memory import imported_forms
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.presence import WorkerStatus, living
from prelabel_worker.quarantine.names import project_id as project_id_of
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.quarantine.quarantine import Quarantine, Quarantined, readable
from prelabel_worker.rendering.identity import FORMS

OUTCOMES = ("imported", "superseded", "skipped", "dead", "discarded")
_META = (
    "pausedUntil", "pauseReason", "pauseCause", "purgeBy", "purgeMs", "lanes", "openMost",
    "forms", "undoneRows", "overridden", "addedAgain", "deadByPolicy",
)  # fmt: skip
_EVER = {
    "undone": "undoneRows", "overridden": "overridden", "added_again": "addedAgain", "dead_by_policy": "deadByPolicy",
}  # fmt: skip
"""Numbers of a status that only grow → their fields of `meta`."""


class _Facts(NamedTuple):
    """What Redis has of a project, as it answers."""

    #: Rows by outcome, and `published`.
    counts: dict[bytes, bytes]
    #: Rows in lanes.
    waiting: bytes | None
    #: Rows of dead letters by reason code.
    reasons: dict[bytes, bytes]
    #: The values of `_META`.
    meta: list[bytes | None]
    #: The ids of its chunks.
    chunk_ids: list[bytes]
    #: Retrying rows that wait for their next try.
    at_rest: int
    #: The first of them, with the time of its try in ms.
    next_retry: list[tuple[bytes, float]]
    #: Retrying rows that are listed as being tried.
    queued: int
    #: The time by Redis's clock, which dates everything here.
    now: float


class _Stops(TypedDict):
    """What stops a project's uploads: fields of `ProjectStatus`."""

    paused: str | None
    paused_until: UnixTime | None
    pause_cause: str | None
    purging: str | None
    purging_since: UnixTime | None


@dataclass(frozen=True, slots=True)
class ProjectStatus(JsonRecord):
    """What became of the rows of one project, and what its pending rows wait for."""

    json_names: ClassVar = {"stuck": "stuckChunks"}

    #: The project's id.
    project_id: str
    #: Rows that Redis accepted, ever.
    published: int
    #: Published rows that have no outcome yet.
    pending: int
    #: Rows that Labelbox imported.
    imported: int
    #: Rows that a newer message of the same data row and model replaced.
    superseded: int
    #: Rows that the policy `skip` did not import, since their data row had pre-labels from here.
    skipped: int
    #: Rows of dead letters.
    dead: int
    #: Rows of dead letters that were discarded, and of imports that were undone.
    discarded: int
    #: Pending rows in lanes, in no chunk yet.
    waiting: int
    #: Open chunks by state.
    chunks: dict[str, int]
    #: Age of the oldest row in a lane, in seconds; None without one.
    oldest_waiting_seconds: float | None
    #: Rows of dead letters by reason code.
    dead_reasons: dict[str, int]
    #: Why uploads are paused; None while they are not.
    paused: str | None
    #: When the pause ends; None while there is none, and for a pause that lasts until somebody resumes the project.
    paused_until: UnixTime | None
    #: Pending rows that wait for a newer worker: this release does not know their version, or that of rows before.
    newer: int = 0
    #: Maximum open chunks now, if trouble has lowered it below the settings; None if it has not.
    open_most: int | None = None
    #: Pending rows that are retrying: held, and tried again when their reason may have passed.
    retrying: int = 0
    #: Retrying rows that are being tried now; they are also among the rows in lanes or chunks.
    retrying_queued: int = 0
    #: When the next row is tried; None when no row waits for a try.
    next_retry_at: UnixTime | None = None
    #: Discarded rows that were imported, and whose imports were undone.
    undone: int = 0
    #: Imported rows whose data row had pre-labels from here, as far as is remembered; an estimate in a large project.
    overridden: int = 0
    #: The same, but with lines that Labelbox cannot override: they were added beside the earlier ones.
    added_again: int = 0
    #: Rows that became dead letters since their data row had pre-labels from here, whatever became of them later.
    dead_by_policy: int = 0
    #: Chunks that a defect stops; they are among `chunks`.
    stuck: int = 0
    #: What paused it last, see `PauseCause`; None if nothing has since it was resumed.
    pause_cause: str | None = None
    #: Who is purging it; None if nobody is.
    purging: str | None = None
    #: When the purge began.
    purging_since: UnixTime | None = None
    #: Why chunks that were not sent wait: reason → number of chunks.
    chunks_wait: dict[str, int] = field(default_factory=dict)
    #: How its imported rows name their data rows: `id`, `globalKey`, or both; nothing while no row is imported.
    data_row_forms: list[str] = field(default_factory=list)

    @property
    def is_emptied(self) -> bool:
        """Whether all rows of the project were discarded, as after a purge of a mistyped id: see `emptied`."""
        in_force = self.paused is not None or self.purging is not None
        return emptied(self.published, self.discarded, self.undone, in_force=in_force)

    @property
    def counts_a_sample(self) -> bool:
        """Whether `overridden` may be an estimate: a large project remembers a sample of its rows."""
        return self.imported > EXACT_ROWS


@dataclass(frozen=True, slots=True)
class Survey:
    """The known projects, the quarantined ones, and the number of names that no project can have."""

    #: The projects whose keys can be read, by name.
    projects: list[ProjectStatus]
    #: The projects whose keys cannot be used: those in quarantine, and those that were unreadable just now.
    quarantined: list[Quarantined]
    #: Number of names in the set of projects that no project can have.
    malformed: int


class Inspector:
    """Reads the projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def projects(self) -> list[str]:
        """Return the known projects by name, without names that no project can have (`malformed`)."""
        return sorted(project_ids(self._names()))

    def malformed(self) -> list[bytes]:
        """Return the names in the set of projects that no project can have."""
        return sorted(name for name in self._names() if project_id_of(name) is None)

    def all(self) -> list[ProjectStatus]:
        """Return the status of every known project whose keys can be read."""
        return self.survey().projects

    def survey(self, only: str | None = None) -> Survey:
        """Read every known project, or `only` one; a project that cannot be read is listed as quarantined."""
        names = self._names() if only is None else [only.encode()]
        projects = sorted(project_ids(names))
        statuses = []
        quarantined = {entry.project_id: entry for entry in self.quarantined() if only in (None, entry.project_id)}
        for project_id in projects:
            try:
                statuses.append(self.status(project_id))
            except ProjectUnreadable as error:
                quarantined[project_id] = Quarantined(project_id, "read", error.problem)
        return Survey(statuses, [quarantined[name] for name in sorted(quarantined)], len(names) - len(projects))

    def quarantined(self) -> list[Quarantined]:
        """Return the projects that workers have put in quarantine, by name."""
        return Quarantine(self._client, self._prefix).all()

    def _names(self) -> list[bytes]:
        names: list[bytes] = self._client.zrange(keys.projects(self._prefix), 0, -1)
        return names

    def status(self, project_id: str) -> ProjectStatus:
        """Return the status of one project; all zeros when nothing was published. Raises ProjectUnreadable."""
        with readable(project_id):
            return self._status(project_id)

    def _status(self, project_id: str) -> ProjectStatus:
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        facts = self._facts(project_keys)
        now, meta = facts.now, dict(zip(_META, facts.meta, strict=True))
        rows = {name.decode(): int(value) for name, value in facts.counts.items()}
        published = rows.get("published", 0)
        done = {name: rows.get(name, 0) for name in OUTCOMES}
        pending = published - sum(done.values())
        queued = queued_of(pending, facts.at_rest, facts.queued)
        states, stuck, chunks_wait = self._chunk_states(project_keys, facts.chunk_ids)
        lanes, waiting = _lanes(meta["lanes"]), int(facts.waiting or 0)
        return ProjectStatus(
            project_id=project_id,
            published=published,
            pending=pending,
            **done,
            waiting=waiting,
            chunks=states,
            stuck=stuck,
            oldest_waiting_seconds=self._oldest(project_keys, lanes, now) if waiting else None,
            dead_reasons={name.decode(): int(value) for name, value in facts.reasons.items()},
            newer=self._newer(project_keys, lanes, facts.chunk_ids),
            open_most=int(meta["openMost"]) if meta["openMost"] else None,
            retrying=facts.at_rest + queued,
            retrying_queued=queued,
            next_retry_at=UnixTime.of_ms(facts.next_retry[0][1]) if facts.next_retry else None,
            chunks_wait=chunks_wait,
            data_row_forms=[FORMS[form] for form in imported_forms(meta["forms"], facts.counts.get(b"imported"))],
            **_stops(meta, now),
            **{field: int(meta[name] or 0) for field, name in _EVER.items()},
        )

    def _facts(self, project_keys: keys.ProjectKeys) -> _Facts:
        # Not a transaction: a Redis without memory refuses transactions, and that is when people look.
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(project_keys.counts)
            pipeline.hget(project_keys.inbox, "rows")
            pipeline.hgetall(project_keys.dead_reasons)
            pipeline.hmget(project_keys.meta, *_META)
            pipeline.zrange(project_keys.chunks, 0, -1)
            pipeline.zcard(project_keys.retrying)
            pipeline.zrange(project_keys.retrying, 0, 0, withscores=True)
            pipeline.zcard(project_keys.retrying_queued)
            pipeline.time()
            counts, waiting, reasons, meta, chunks, at_rest, due, queued, now = pipeline.execute()
        return _Facts(counts, waiting, reasons, meta, chunks, at_rest, due, queued, seconds_of(now))

    def only_retrying(self, project_id: str, since_ms: float) -> bool:
        """Return whether all pending rows are retrying, and no try in progress began before `since_ms`."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hgetall(project_keys.counts)
            pipeline.zcard(project_keys.retrying)
            pipeline.zcard(project_keys.retrying_queued)
            pipeline.zrange(project_keys.retrying_queued, 0, 0, withscores=True)
            counts, at_rest, queued, oldest = pipeline.execute()
        rows = {name.decode(): int(value) for name, value in counts.items()}
        pending = rows.get("published", 0) - sum(rows.get(name, 0) for name in OUTCOMES)
        queued = queued_of(pending, at_rest, queued)
        return pending == at_rest + queued and (not queued or oldest[0][1] > since_ms)

    def overrides(self, project_id: str) -> dict[str, str]:
        """Return the project's overrides, by their names in Redis (see operations/overrides.py)."""
        stored = self._client.hgetall(keys.ProjectKeys(self._prefix, project_id).overrides)
        return {name.decode(): value.decode() for name, value in stored.items()}

    def workers(self) -> list[WorkerStatus]:
        """Return the workers that ticked within the last minute."""
        return living(self._client, self._prefix)

    def _chunk_states(
        self, project_keys: keys.ProjectKeys, chunk_ids: list[bytes]
    ) -> tuple[dict[str, int], int, dict[str, int]]:
        """Return the number of chunks by state, of stuck chunks, and of chunks by the reason for which they wait."""
        if not chunk_ids:
            return {}, 0, {}
        with self._client.pipeline(transaction=False) as pipeline:
            for chunk_id in chunk_ids:
                pipeline.hmget(project_keys.chunk(chunk_id.decode()), "state", "stuckMs", "why")
            chunks = [(state.decode(), since, why) for state, since, why in pipeline.execute() if state]
        states = [state for state, _, _ in chunks]
        stuck = sum(since is not None for _, since, _ in chunks)
        waits = Counter(why.decode() for state, _, why in chunks if state in ("waiting", "uncertain") and why)
        return {state: states.count(state) for state in sorted(set(states))}, stuck, dict(waits)

    def _newer(self, project_keys: keys.ProjectKeys, lanes: int, chunk_ids: list[bytes]) -> int:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(project_keys.inbox)
            for lane in range(lanes):
                pipeline.lindex(project_keys.lane(lane), 0)
            for chunk_id in chunk_ids:
                pipeline.hmget(project_keys.chunk(chunk_id.decode()), "v", "rows", "aside", "settled")
            inbox, *rest = pipeline.execute()
        waiting = (
            int(inbox[b"%d:rows" % lane])
            for lane, head in enumerate(rest[:lanes])
            if head and int(head.split(b" ")[2]) > VERSION
        )
        in_chunks = (
            int(rows) - int(aside) - int(settled)
            for version, rows, aside, settled in rest[lanes:]
            if rows and int(version or 1) > KNOWN_VERSION
        )
        return sum(waiting) + sum(in_chunks)

    def _oldest(self, project_keys: keys.ProjectKeys, lanes: int, now: float) -> float | None:
        with self._client.pipeline(transaction=False) as pipeline:
            for lane in range(lanes):
                pipeline.lindex(project_keys.lane(lane), 0)
            heads = [head for head in pipeline.execute() if head]
        arrived = [int(head.split(b" ")[7]) for head in heads]
        return max(0.0, now - min(arrived) / 1000) if arrived else None


def _stops(meta: Mapping[str, bytes | None], now: float) -> _Stops:
    """Return what stops a project's uploads, from its fields of `meta`."""
    until, why, cause = meta["pausedUntil"], meta["pauseReason"], meta["pauseCause"]
    begun = meta["purgeMs"]
    paused = until is not None and int(until) / 1000 > now
    return {
        "paused": (why or b"").decode() if paused else None,
        "paused_until": end_of_pause(int(until) / 1000, now) if until is not None and paused else None,
        "pause_cause": cause.decode() if cause else None,
        "purging": None if begun is None else (meta["purgeBy"] or b"").decode(),
        "purging_since": None if begun is None else UnixTime.of_ms(int(begun)),
    }


def _lanes(value: bytes | None) -> int:
    """Return a project's number of lanes. Raises ValueError if it is out of bounds."""
    lanes = int(value or 0)
    if not 0 <= lanes <= MAX_LANES:
        raise ValueError("meta.lanes")
    return lanes


def emptied(published: int, discarded: int, undone: int, *, in_force: bool) -> bool:
    """Return whether lists leave a project out: all its rows were discarded, and no pause or purge is in force.

    Nothing of it is at Labelbox, waits or can be retried. It stays in the set of projects, as nothing may leave that
    while a publisher may be between its two writes (see publishing/inbox.py); its next row lists it again.
    """
    return 0 < published == discarded and not undone and not in_force


def queued_of(pending: int, at_rest: int, listed: int) -> int:
    """Return how many retrying rows are being tried; `listed` may hold more, left by an older release."""
    return max(0, min(listed, pending - at_rest))


def end_of_pause(until: float, now: float) -> UnixTime | None:
    """Return when a pause ends; None if it lasts until somebody resumes the project."""
    return UnixTime(until) if has_end(until - now) else None
