"""The state of all projects at once, in few round trips: what a page about thousands of projects needs.

`queries/status` reads one project in five round trips, with all its facts. Here the projects share round trips, and
facts that need a look into each chunk are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client, is_of_keys, seconds_of
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.presence import WorkerStatus, living
from prelabel_worker.quarantine.names import project_ids
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.quarantine.quarantine import Quarantine, Quarantined, problem_of
from prelabel_worker.queries.status import OUTCOMES, emptied, end_of_pause, queued_of
from prelabel_worker.settings import Settings

_TOGETHER = 250
"""Projects in one round trip."""
_LANES_TOGETHER = 2000
_META = ("pausedUntil", "pauseReason", "pauseCause", "purgeBy", "purgeMs", "undoneRows")


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """What became of the rows of one project, and what stops it; see `ProjectStatus` for all its facts."""

    #: The project's id.
    project_id: str
    #: Rows that Redis accepted, ever.
    published: int
    #: Published rows that have no outcome yet.
    pending: int
    #: Rows by outcome: `imported`, `superseded`, `skipped`, `dead`, `discarded`.
    outcomes: Mapping[str, int]
    #: Pending rows in lanes, in no chunk yet.
    waiting: int
    #: Number of open chunks.
    chunks: int
    #: Pending rows that are retrying.
    retrying: int
    #: When the oldest row in a lane arrived; None without one.
    oldest_waiting_at: UnixTime | None
    #: Why uploads are paused; None while they are not.
    paused: str | None
    #: When the pause ends; None if it lasts until somebody resumes the project.
    paused_until: UnixTime | None
    #: What paused it last, see `PauseCause`; None if nothing has since it was resumed.
    pause_cause: str | None
    #: Who is purging it; None if nobody is.
    purging: str | None
    #: The account that pays for its uploads.
    account: str

    #: Discarded rows that were imported, and whose imports were undone.
    undone: int = 0

    @property
    def is_emptied(self) -> bool:
        """Whether all that was ever published here was discarded: see `emptied`."""
        in_force = self.paused is not None or self.purging is not None
        return emptied(self.published, self.outcomes["discarded"], self.undone, in_force=in_force)

    @property
    def dead(self) -> int:
        """Rows of dead letters."""
        return self.outcomes["dead"]

    @property
    def imported(self) -> int:
        """Rows that Labelbox imported."""
        return self.outcomes["imported"]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything in one Redis that a page about all projects shows."""

    #: The projects whose keys can be read, by id.
    projects: Mapping[str, ProjectSummary]
    #: The projects whose keys cannot be used: those in quarantine, and those that could not be read just now.
    quarantined: Sequence[Quarantined]
    #: Number of names in the set of projects that no project can have.
    malformed: int
    #: The accounts of the settings, the workers and the projects, by name.
    accounts: Sequence[AccountStatus]
    #: The living workers, by name.
    workers: Sequence[WorkerStatus]
    #: When it was read, by Redis's clock.
    at: UnixTime


class Overviews:
    """Reads all projects in one Redis."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._prefix = settings.key_prefix

    def read(self) -> Overview:
        """Read everything. Costs about 0.1 ms a project, and one more command for each lane of a project with rows."""
        names = self._client.zrange(keys.projects(self._prefix), 0, -1)
        ids = sorted(project_ids(names))
        now = seconds_of(self._client.time())
        quarantined = {entry.project_id: entry for entry in Quarantine(self._client, self._prefix).all()}
        facts = {}
        for project_id, answers in self._facts(ids):
            problem = next((problem for answer in answers if (problem := _problem(answer))), None)
            if problem is not None:
                quarantined[project_id] = Quarantined(project_id, "read", problem)
            else:
                facts[project_id] = answers
        oldest = self._oldest(facts)
        projects = {}
        for project_id, answers in facts.items():
            try:
                projects[project_id] = self._summary(project_id, answers, oldest.get(project_id), now)
            except (ValueError, TypeError, UnicodeDecodeError) as error:
                quarantined[project_id] = Quarantined(project_id, "read", str(problem_of(error)))
        of_accounts: dict[str, list[str]] = {}
        for summary in projects.values():
            of_accounts.setdefault(summary.account, []).append(summary.project_id)
        return Overview(
            projects=projects,
            quarantined=[quarantined[name] for name in sorted(quarantined)],
            malformed=len(names) - len(ids),
            accounts=Accounts(self._client, self._settings).of(of_accounts),
            workers=living(self._client, self._prefix),
            at=UnixTime(now),
        )

    def _facts(self, ids: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        """Yield the answers about each project; an answer may be an error of Redis."""

        def commands(pipeline: Any, project_id: str) -> None:
            project_keys = keys.ProjectKeys(self._prefix, project_id)
            pipeline.hgetall(project_keys.counts)
            pipeline.hgetall(project_keys.inbox)
            pipeline.hmget(project_keys.meta, *_META)
            pipeline.zcard(project_keys.chunks)
            pipeline.zcard(project_keys.retrying)
            pipeline.zcard(project_keys.retrying_queued)
            pipeline.hget(project_keys.overrides, "account")

        return ask(self._client, ids, commands, _TOGETHER)

    def _oldest(self, facts: Mapping[str, list[Any]]) -> dict[str, UnixTime]:
        """Return when the oldest waiting row of each project arrived."""
        lanes = [(project_id, lane) for project_id, answers in facts.items() for lane in _lanes_with_rows(answers[1])]

        def commands(pipeline: Any, item: tuple[str, int]) -> None:
            project_id, lane = item
            pipeline.lindex(keys.ProjectKeys(self._prefix, project_id).lane(lane), 0)

        oldest: dict[str, int] = {}
        for (project_id, _), (head,) in ask(self._client, lanes, commands, _LANES_TOGETHER):
            arrived = _arrived(head)
            if arrived is not None:
                oldest[project_id] = min(arrived, oldest.get(project_id, arrived))
        return {project_id: UnixTime.of_ms(ms) for project_id, ms in oldest.items()}

    def _summary(self, project_id: str, answers: Sequence[Any], oldest: UnixTime | None, now: float) -> ProjectSummary:
        counts, inbox, meta, chunks, at_rest, queued, account = answers
        paused_until, why, cause, purge_by, purge_ms, undone = meta
        rows = {name.decode(): int(value) for name, value in counts.items()}
        outcomes = {name: rows.get(name, 0) for name in OUTCOMES}
        published = rows.get("published", 0)
        pending = published - sum(outcomes.values())
        until = int(paused_until) / 1000 if paused_until else 0.0
        paused = until > now
        return ProjectSummary(
            project_id=project_id,
            published=published,
            pending=pending,
            outcomes=outcomes,
            waiting=int(inbox.get(b"rows", 0)),
            chunks=chunks,
            retrying=at_rest + queued_of(pending, at_rest, queued),
            oldest_waiting_at=oldest,
            paused=(why or b"").decode() if paused else None,
            paused_until=end_of_pause(until, now) if paused else None,
            pause_cause=cause.decode() if cause else None,
            purging=None if purge_ms is None else (purge_by or b"").decode(),
            account=account.decode("utf-8", "backslashreplace") if account else self._settings.account,
            undone=int(undone or 0),
        )


def _problem(answer: Any) -> str | None:
    """Return the problem of a project's keys that an answer shows; None for a usable one. Raises other errors."""
    if not isinstance(answer, Exception):
        return None
    if isinstance(answer, redis.RedisError) and is_of_keys(answer):
        return problem_of(answer)
    raise answer


def _lanes_with_rows(inbox: Mapping[bytes, bytes]) -> list[int]:
    """Return the lanes of a project that have rows; anybody may have written the fields."""
    lanes = []
    for field, rows in inbox.items():
        number, _, what = field.partition(b":")
        if what == b"rows" and number.isdigit() and len(number) < 6 and int(number) < MAX_LANES and rows != b"0":
            lanes.append(int(number))
    return lanes


def _arrived(head: Any) -> int | None:
    """Return when the first entry of a lane arrived, in ms; None if there is none that can be read."""
    if not isinstance(head, bytes):
        return None
    parts = head.split(b" ")
    return int(parts[7]) if len(parts) > 7 and parts[7].isdigit() else None
