"""Check projects in Redis: pauses, rows that no worker takes, and overdue timers. Writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import redis

from prelabel.printing import counted
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.pauses import end_of
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.names import shortened
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.timers import LOOK_ANYWAY_SECONDS
from prelabel_worker.settings import Settings


@dataclass(frozen=True, slots=True)
class ProjectState:
    """The state of one project in Redis, by Redis's clock."""

    #: The project's id.
    id: str
    #: Rows without an outcome.
    pending: int
    #: Rows of dead letters.
    dead: int
    #: Age of the oldest row in a lane; None without one.
    oldest_waiting_seconds: float | None
    #: Seconds until a pause ends; 0 while there is none.
    paused_seconds: float
    #: Why it is paused.
    pause_reason: str
    #: The name of the timer that is due first.
    timer: str
    #: Seconds since that timer was due.
    late_seconds: float
    #: Rows that wait for a newer worker.
    newer: int = 0
    #: Its stuck chunks: the id of each, and what stops it.
    stuck: tuple[tuple[str, str], ...] = ()
    #: Who is purging it; None if nobody is.
    purging: str | None = None
    #: Why its keys cannot be used; '' when they can.
    broken: str = ""


def look(client: Client, prefix: str, only: str | None) -> list[ProjectState] | None:
    """Read every known project, or only one. Return None when Redis is out of memory: it refuses transactions then."""
    inspector = Inspector(client, prefix)
    quarantined = {entry.project_id: entry.detail for entry in inspector.quarantined()}
    try:
        names = [only] if only else inspector.projects()
        return [_surviving(client, prefix, inspector, name, quarantined.get(name, "")) for name in names]
    except redis.exceptions.OutOfMemoryError:
        return None


def _surviving(client: Client, prefix: str, inspector: Inspector, project_id: str, quarantined: str) -> ProjectState:
    """Read one project; return it as broken when its keys cannot be read."""
    try:
        with readable(project_id):
            state = _look(client, prefix, inspector, project_id)
    except ProjectUnreadable as error:
        return ProjectState(project_id, 0, 0, None, 0.0, "", "", 0.0, broken=error.problem)
    return replace(state, broken=quarantined)


def _look(client: Client, prefix: str, inspector: Inspector, project_id: str) -> ProjectState:
    project_keys = keys.ProjectKeys(prefix, project_id)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.time()
        pipeline.hmget(project_keys.meta, "pausedUntil", "pauseReason")
        pipeline.zrange(project_keys.timers, 0, 0, withscores=True)
        (seconds, micros), (until, reason), timers = pipeline.execute()
    now = seconds + micros / 1e6
    status = inspector.status(project_id)
    name, due = (timers[0][0].decode(), timers[0][1] / 1000) if timers else ("", now)
    return ProjectState(
        id=project_id,
        pending=status.pending,
        dead=status.dead,
        oldest_waiting_seconds=status.oldest_waiting_seconds,
        paused_seconds=max(0.0, int(until or 0) / 1000 - now),
        pause_reason=(reason or b"").decode(),
        timer=name,
        late_seconds=max(0.0, now - due),
        newer=status.newer,
        purging=status.purging,
        stuck=_stuck(client, prefix, project_id) if status.stuck else (),
    )


def _stuck(client: Client, prefix: str, project_id: str) -> tuple[tuple[str, str], ...]:
    return tuple((chunk.chunk_id, chunk.defect) for chunk in Imports(client, prefix).open(project_id) if chunk.stuck_at)


def findings(project: ProjectState, workers: int, lease_seconds: float) -> Iterator[Finding]:
    """Check whether this project's rows move."""
    yield judged(Check.KEYS, not project.broken, project.broken or "its keys are what they should be", project.id)
    if project.purging is not None:
        purge = f"nothing is uploaded: a purge by {project.purging} has not ended"
        yield Finding(Check.PAUSE, Level.BAD, purge, project.id)
    elif project.paused_seconds:
        pause = f"paused {_until(project.paused_seconds)}: {project.pause_reason or 'no reason is kept'}"
        yield Finding(Check.PAUSE, Level.BAD, pause, project.id)
    else:
        yield Finding(Check.PAUSE, Level.OK, "not paused", project.id)
    oldest = project.oldest_waiting_seconds
    waits = "" if oldest is None else f", the oldest has waited for {span(oldest)}"
    no_worker = ", and no worker is alive" if project.pending and not workers else ""
    yield judged(
        Check.WAITING, not no_worker, f"{counted(project.pending, 'row')} pending{waits}{no_worker}", project.id
    )
    stuck = (
        f"{len(project.stuck):,} stuck, such as {': '.join(project.stuck[0])}" if project.stuck else "no chunk is stuck"
    )
    yield judged(Check.STUCK, not project.stuck, stuck, project.id)
    newer = (
        f"waiting for a newer worker: {counted(project.newer, 'row')}"
        if project.newer
        else "every row is of a known version"
    )
    yield judged(Check.NEWER, not project.newer, newer, project.id)
    yield _timers(project, lease_seconds)


def _timers(project: ProjectState, lease_seconds: float) -> Finding:
    """Check the timers: a tick hands out due work within seconds, and then sets the timer a lease later."""
    if project.late_seconds > LOOK_ANYWAY_SECONDS + lease_seconds:
        late = f"{project.timer} has been due for {span(project.late_seconds)}"
        return Finding(Check.TIMERS, Level.BAD if project.pending else Level.NOTE, late, project.id)
    return Finding(Check.TIMERS, Level.OK, "nothing is overdue", project.id)


def malformed(client: Client, prefix: str) -> Finding:
    """Check whether every name in the set of projects can be a project's."""
    names = Inspector(client, prefix).malformed()
    if not names:
        return Finding(Check.NAMES, Level.OK, "every name in the set of projects can be a project's")
    wrong = f"{counted(len(names), 'name')} in the set of projects cannot be a project's, such as {shortened(names[0])}"
    return Finding(Check.NAMES, Level.BAD, wrong)


def account_pause(client: Client, settings: Settings, account: str) -> Finding:
    """Check whether requests of the account are stopped."""
    stops = Accounts(client, settings).stops(account)
    if not stops:
        return Finding(Check.ACCOUNT_PAUSE, Level.OK, f"account {account} is not paused")
    reasons = "; ".join(f"{stop.kind} {_until(stop.seconds)}: {stop.why}" for stop in stops)
    return Finding(Check.ACCOUNT_PAUSE, Level.BAD, f"account {account} is {reasons}")


def _until(seconds: float) -> str:
    ends = end_of(seconds)
    if ends is None:
        return "until it is resumed"
    return f"until {ends.iso()}, {span(seconds)} more"


def span(seconds: float) -> str:
    """Return a time span for a person, such as `3 min`."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
