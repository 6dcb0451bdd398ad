"""The catalogue of metrics: what each is called, counts and is divided by. Pure: made of what the inspectors saw."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from prelabel.printing import printable
from prelabel_worker.accounts.status import AccountStatus
from prelabel_worker.queries.status import OUTCOMES, ProjectStatus, Survey, WorkerStatus

BREAKER_STATES = ("closed", "open", "probing")


class Name(Enum):
    """Every metric: its name, its labels, and its meaning. Gauges, but for the first, since rows move between them."""

    PUBLISHED = ("prelabel_published_rows", ("project",), "Rows that Redis has taken, ever (a counter: `_total`).")
    ROWS = (
        "prelabel_rows",
        ("project", "outcome"),
        "Rows by what became of them; their sum is what was published. Outcomes: pending, "
        "imported, superseded, skipped, dead, discarded.",
    )
    RETRYING = (
        "prelabel_retrying_rows",
        ("project",),
        "Pending rows that are held and tried again, later or at this moment.",
    )
    WAITING = ("prelabel_waiting_rows", ("project",), "Pending rows in no chunk yet.")
    OLDEST = ("prelabel_oldest_waiting_seconds", ("project",), "Age of the oldest of them; 0 without any.")
    LETTERS = ("prelabel_dead_letters", ("project", "reason"), "Dead letters by reason code.")
    LEFTOVERS = (
        "prelabel_leftover_annotations",
        ("project",),
        "Annotations ever left in Labelbox by a message with fewer than the one before.",
    )
    OVERRIDDEN = ("prelabel_overridden_rows", ("project",), "Imported rows that had pre-labels from here before, ever.")
    UNDONE = ("prelabel_undone_rows", ("project",), "Discarded rows whose imports were undone, ever.")
    CHUNKS = ("prelabel_chunks", ("project", "state"), "Chunks in progress by state.")
    STUCK = ("prelabel_stuck_chunks", ("project",), "Chunks that a defect stops, in whatever state: see doctor.")
    PAUSED = ("prelabel_project_paused", ("project",), "1 while uploads of the project are paused.")
    LIMIT = ("prelabel_account_limit_requests", ("account",), "Most requests of the account in any 60 s.")
    RATE = ("prelabel_account_rate_requests", ("account",), "The same now: lower for some minutes after 429s.")
    USED = ("prelabel_account_used_requests", ("account",), "Requests of about the last 60 s.")
    STOPPED = ("prelabel_account_stopped", ("account", "kind"), "1 while it is throttled, paused, or its key refused.")
    BREAKER = (
        "prelabel_account_breaker",
        ("account", "state"),
        "1 for the breaker's state: closed, open, or probing while one request tries Labelbox.",
    )
    WORKERS = ("prelabel_workers", ("role",), "Workers that ticked within the last minute.")
    STALLED = (
        "prelabel_worker_stalled_seconds",
        ("worker",),
        "Seconds for which a worker has had work and begun and ended nothing.",
    )
    QUARANTINED = (
        "prelabel_quarantined_projects",
        ("kind",),
        "Projects whose keys cannot be used (keys), and names in the set of projects that no project can have (name).",
    )
    UP = ("prelabel_redis_up", (), "1 when Redis answered this scrape; nothing else is said where it is 0.")

    def family(self, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """The metric with these samples: values of its labels, value."""
        name, labels, meaning = self.value
        kind = CounterMetricFamily if self is Name.PUBLISHED else GaugeMetricFamily
        family = kind(name, meaning, labels=labels)
        for values, value in samples:
            family.add_metric([printable(label) for label in values], value)
        return family


def of_projects(projects: Sequence[ProjectStatus]) -> Iterator[Metric]:
    """What is to be said of projects."""

    def each(name: Name, field: str) -> Metric:
        return name.family([([found.project_id], float(getattr(found, field) or 0)) for found in projects])

    def divided(name: Name, parts: Mapping[str, Mapping[str, int]]) -> Metric:
        return name.family([((project, key), value) for project, of in parts.items() for key, value in of.items()])

    yield each(Name.PUBLISHED, "published")
    outcomes = ("pending", *OUTCOMES)
    yield divided(Name.ROWS, {found.project_id: {n: getattr(found, n) for n in outcomes} for found in projects})
    yield each(Name.RETRYING, "retrying")
    yield each(Name.WAITING, "waiting")
    yield each(Name.OLDEST, "oldest_waiting_seconds")
    yield divided(Name.LETTERS, {found.project_id: found.dead_reasons for found in projects})
    yield each(Name.LEFTOVERS, "leftovers")
    yield each(Name.OVERRIDDEN, "overridden")
    yield each(Name.UNDONE, "undone")
    yield divided(Name.CHUNKS, {found.project_id: found.chunks for found in projects})
    yield each(Name.STUCK, "stuck")
    yield Name.PAUSED.family([([found.project_id], float(found.paused is not None)) for found in projects])


def of_quarantine(survey: Survey) -> Iterator[Metric]:
    """What is to be said of projects that are none, or cannot be read."""
    counts = {"keys": len(survey.quarantined), "name": survey.malformed}
    yield Name.QUARANTINED.family([([kind], count) for kind, count in counts.items()])


def of_accounts(accounts: Sequence[AccountStatus]) -> Iterator[Metric]:
    """What is to be said of accounts; a key is not, nor its fingerprint."""
    yield Name.LIMIT.family([([each.name], each.limit) for each in accounts])
    yield Name.RATE.family([([each.name], each.rate) for each in accounts])
    yield Name.USED.family([([each.name], each.used) for each in accounts])
    stops = {(each.name, stop.kind) for each in accounts for stop in each.stops}
    yield Name.STOPPED.family([(names, 1.0) for names in sorted(stops)])
    states = [(each, state) for each in accounts for state in BREAKER_STATES]
    yield Name.BREAKER.family([((each.name, state), float(each.breaker == state)) for each, state in states])


def of_workers(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    """What is to be said of workers."""
    roles = [each.role for each in workers]
    yield Name.WORKERS.family([([role], roles.count(role)) for role in sorted(set(roles))])
    yield Name.STALLED.family([([each.name], each.stalled_seconds) for each in workers])


def of_redis(*, answers: bool) -> Metric:
    """Whether the rest can be said."""
    return Name.UP.family([((), float(answers))])
