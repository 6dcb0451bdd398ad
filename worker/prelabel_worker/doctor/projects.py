"""What Redis says of projects: pauses, rows that wait for nobody, and what is overdue. It writes nothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.names import shortened
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.timers import LOOK_ANYWAY_SECONDS
from prelabel_worker.settings import Settings

_YEAR_SECONDS = 366 * 86_400.0  # an operator's pause has no end


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one project in Redis; seconds are by Redis's clock."""

    id: str
    pending: int
    dead: int
    oldest_waiting_seconds: float | None
    paused_seconds: float
    pause_reason: str
    timer: str
    late_seconds: float
    newer: int = 0
    #: Its stuck chunks: what stops them, by chunk id.
    stuck: tuple[tuple[str, str], ...] = ()
    #: Why keys of it cannot be used; '' when they can.
    broken: str = ""


def look(client: Client, prefix: str, only: str | None) -> list[Seen] | None:
    """Every known project, or the one that is named; None when Redis is out of memory: it takes no transaction then."""
    inspector = Inspector(client, prefix)
    quarantined = {each.project_id: each.detail for each in inspector.quarantined()}
    try:
        names = [only] if only else inspector.projects()
        return [_surviving(client, prefix, inspector, each, quarantined.get(each, "")) for each in names]
    except redis.exceptions.OutOfMemoryError:
        return None


def _surviving(client: Client, prefix: str, inspector: Inspector, project_id: str, quarantined: str) -> Seen:
    """Look at one project; one whose keys cannot be read is seen as broken."""
    try:
        with readable(project_id):
            seen = _look(client, prefix, inspector, project_id)
    except ProjectUnreadable as error:
        return Seen(project_id, 0, 0, None, 0.0, "", "", 0.0, broken=error.problem)
    return replace(seen, broken=quarantined)


def _look(client: Client, prefix: str, inspector: Inspector, project_id: str) -> Seen:
    project_keys = keys.ProjectKeys(prefix, project_id)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.time()
        pipeline.hmget(project_keys.meta, "pausedUntil", "pauseReason")
        pipeline.zrange(project_keys.timers, 0, 0, withscores=True)
        (seconds, micros), (until, reason), timers = pipeline.execute()
    now = seconds + micros / 1e6
    status = inspector.status(project_id)
    name, due = (timers[0][0].decode(), timers[0][1] / 1000) if timers else ("", now)
    return Seen(
        id=project_id,
        pending=status.pending,
        dead=status.dead,
        oldest_waiting_seconds=status.oldest_waiting_seconds,
        paused_seconds=max(0.0, int(until or 0) / 1000 - now),
        pause_reason=(reason or b"").decode(),
        timer=name,
        late_seconds=max(0.0, now - due),
        newer=status.newer,
        stuck=_stuck(client, prefix, project_id) if status.stuck else (),
    )


def _stuck(client: Client, prefix: str, project_id: str) -> tuple[tuple[str, str], ...]:
    return tuple((each.chunk_id, each.defect) for each in Imports(client, prefix).open(project_id) if each.stuck_at)


def findings(project: Seen, workers: int, lease_seconds: float) -> Iterator[Finding]:
    """Whether this project's rows move."""
    yield judged(Check.KEYS, not project.broken, project.broken or "its keys are what they should be", project.id)
    if project.paused_seconds:
        found = f"paused {_until(project.paused_seconds)}: {project.pause_reason or 'no reason is kept'}"
        yield Finding(Check.PAUSE, Level.BAD, found, project.id)
    else:
        yield Finding(Check.PAUSE, Level.OK, "not paused", project.id)
    oldest = project.oldest_waiting_seconds
    waits = "" if oldest is None else f", the oldest has waited for {span(oldest)}"
    nobody = ", and no worker is alive" if project.pending and not workers else ""
    yield judged(Check.WAITING, not nobody, f"{project.pending:,} rows pending{waits}{nobody}", project.id)
    stuck = (
        f"{len(project.stuck):,} stuck, such as {': '.join(project.stuck[0])}" if project.stuck else "no chunk is stuck"
    )
    yield judged(Check.STUCK, not project.stuck, stuck, project.id)
    newer = f"{project.newer:,} rows wait for a newer worker" if project.newer else "every row is of a known version"
    yield judged(Check.NEWER, not project.newer, newer, project.id)
    yield _timers(project, lease_seconds)


def _timers(project: Seen, lease_seconds: float) -> Finding:
    """A tick answers what is due at least every few seconds, and puts it off by a lease when it hands it out."""
    if project.late_seconds > LOOK_ANYWAY_SECONDS + lease_seconds:
        found = f"{project.timer} has been due for {span(project.late_seconds)}"
        return Finding(Check.TIMERS, Level.BAD if project.pending else Level.NOTE, found, project.id)
    return Finding(Check.TIMERS, Level.OK, "nothing is overdue", project.id)


def malformed(client: Client, prefix: str) -> Finding:
    """Whether every name in the set of projects can be a project's."""
    names = Inspector(client, prefix).malformed()
    if not names:
        return Finding(Check.NAMES, Level.OK, "every name in the set of projects can be a project's")
    found = f"{len(names):,} names in the set of projects cannot be a project's, such as {shortened(names[0])}"
    return Finding(Check.NAMES, Level.BAD, found)


def account_pause(client: Client, settings: Settings, account: str) -> Finding:
    """Whether requests of the account wait."""
    stops = Accounts(client, settings).stops(account)
    if not stops:
        return Finding(Check.ACCOUNT_PAUSE, Level.OK, f"account {account} is not paused")
    found = "; ".join(f"{stop.kind} {_until(stop.seconds)}: {stop.why}" for stop in stops)
    return Finding(Check.ACCOUNT_PAUSE, Level.BAD, f"account {account} is {found}")


def _until(seconds: float) -> str:
    if seconds > _YEAR_SECONDS:
        return "until it is resumed"
    ends = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + seconds))
    return f"until {ends}, {span(seconds)} more"


def span(seconds: float) -> str:
    """A time as a person says it."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
