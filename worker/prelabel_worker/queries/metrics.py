"""The catalogue of metrics: names, labels and meanings. No I/O: values come from the results of queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from prelabel.printing import printable
from prelabel_worker.accounts.status import AccountStatus
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.queries.flow_points import FlowPoint, Requests
from prelabel_worker.queries.histogram import Histogram
from prelabel_worker.queries.redis_memory import ServerMemory
from prelabel_worker.queries.status import OUTCOMES, ProjectStatus, Survey

BREAKER_STATES = ("closed", "open", "probing")


class Name(Enum):
    """Every metric: its name, its labels, and its meaning. Those in neither COUNTERS nor HISTOGRAMS are gauges."""

    PUBLISHED = ("prelabel_published_rows", ("project",), "Rows that Redis accepted, ever.")
    SETTLED = (
        "prelabel_settled_rows",
        ("project", "result"),
        "Rows that got a result: imported, superseded, skipped, dead or discarded. A row that is retried or undone "
        "counts again with its next result, so these never fall and their sum may exceed the published rows.",
    )
    DIED = ("prelabel_died_rows", ("project", "reason"), "Rows that became dead letters, by reason code, ever.")
    RETRIED = ("prelabel_retried_rows", ("project",), "Held rows that an operator or a timer sent back, ever.")
    FRESHNESS = (
        "prelabel_freshness_seconds",
        ("project",),
        "Time from the first publication of a row to the commit that counts it as imported.",
    )
    ROWS = (
        "prelabel_rows",
        ("project", "outcome"),
        "Rows by outcome: pending, imported, superseded, skipped, dead or discarded. Their sum is the number of "
        "published rows.",
    )
    RETRYING = (
        "prelabel_retrying_rows",
        ("project",),
        "Pending rows that are held and tried again, later or at this moment.",
    )
    WAITING = ("prelabel_waiting_rows", ("project",), "Pending rows in no chunk yet.")
    OLDEST = ("prelabel_oldest_waiting_seconds", ("project",), "Age of the oldest waiting row; 0 without one.")
    DEAD_LETTERS = ("prelabel_dead_letters", ("project", "reason"), "Dead letters by reason code.")
    OVERRIDDEN = (
        "prelabel_overridden_rows",
        ("project",),
        "Imported rows whose data row had pre-labels from here before, ever.",
    )
    ADDED_AGAIN = (
        "prelabel_added_again_rows",
        ("project",),
        "Imported rows that were added beside pre-labels from here, which they cannot override, ever.",
    )
    UNDONE = ("prelabel_undone_rows", ("project",), "Discarded rows whose imports were undone, ever.")
    CHUNKS = ("prelabel_chunks", ("project", "state"), "Chunks in progress by state.")
    STUCK = ("prelabel_stuck_chunks", ("project",), "Chunks that a defect stops, in any state: see doctor.")
    PAUSED = ("prelabel_project_paused", ("project",), "1 while uploads of the project are paused.")
    PURGING = ("prelabel_project_purging", ("project",), "1 from the beginning of a purge of the project to its end.")
    LIMIT = ("prelabel_account_limit_requests", ("account",), "Maximum requests of the account in any 60 s.")
    RATE = (
        "prelabel_account_rate_requests",
        ("account",),
        "Maximum requests in 60 s now; lower than the limit for some minutes after 429s.",
    )
    USED = ("prelabel_account_used_requests", ("account",), "Requests sent in about the last 60 s.")
    STOPPED = (
        "prelabel_account_stopped",
        ("account", "kind"),
        "1 while the account is throttled, paused, or its key refused.",
    )
    BREAKER = (
        "prelabel_account_breaker",
        ("account", "state"),
        "1 for the breaker's state: closed, open, or probing while one request tries Labelbox.",
    )
    REQUESTS = (
        "prelabel_api_requests",
        ("account", "operation", "status"),
        "Requests of workers to Labelbox, by operation (upload, look-up, poll, ontology, file, other) and status: an "
        "HTTP status, 429 for a rate limit in any of its forms, 4xx, 5xx, no-answer, abandoned, or an error's name.",
    )
    REQUEST_SECONDS = (
        "prelabel_api_request_seconds",
        ("account", "operation"),
        "Time from the start of a request of a worker to the end of its answer.",
    )
    WORKERS = ("prelabel_workers", ("role",), "Workers that ticked within the last minute.")
    STALLED = (
        "prelabel_worker_stalled_seconds",
        ("worker", "identity"),
        "Seconds for which a worker has had work without beginning or ending any. A worker makes its identity at its "
        "start, since several may have one name.",
    )
    QUARANTINED = (
        "prelabel_quarantined_projects",
        ("kind",),
        "Projects whose keys cannot be used (keys), and names in the set of projects that no project can have (name).",
    )
    MEMORY = (
        "prelabel_redis_memory_bytes",
        ("server", "kind"),
        "Memory of a Redis server: used, and max, its limit; 0 is no limit. Publishing stops at 85 % of the limit.",
    )
    UP = ("prelabel_redis_up", (), "1 when Redis answered this scrape; where it is 0, there is no other metric.")

    def family(self, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """Return the metric with these samples, each the values of its labels and its value."""
        name, labels, meaning = self.value
        kind = CounterMetricFamily if self in COUNTERS else GaugeMetricFamily
        family = kind(name, meaning, labels=labels)
        for values, value in samples:
            family.add_metric([printable(label) for label in values], value)
        return family

    def histogram(self, samples: Iterable[tuple[Sequence[str], Histogram]]) -> Metric:
        """Return the metric with these samples, each the values of its labels and its histogram."""
        name, labels, meaning = self.value
        family = HistogramMetricFamily(name, meaning, labels=labels)
        for values, histogram in samples:
            bounds = (*(f"{float(bound)}" for bound in histogram.bounds), "+Inf")
            buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
            family.add_metric([printable(label) for label in values], buckets, histogram.total_ms / 1000)
        return family

    @property
    def kind(self) -> str:
        """Return the type of the metric as Prometheus calls it."""
        return "counter" if self in COUNTERS else "histogram" if self in HISTOGRAMS else "gauge"


COUNTERS = frozenset({Name.PUBLISHED, Name.SETTLED, Name.DIED, Name.RETRIED, Name.REQUESTS})
"""The metrics that never fall. Their samples have the suffix `_total`."""
HISTOGRAMS = frozenset({Name.FRESHNESS, Name.REQUEST_SECONDS})
"""The metrics whose samples have the suffixes `_bucket`, `_count` and `_sum`."""


def of_projects(projects: Sequence[ProjectStatus]) -> Iterator[Metric]:
    """Yield the metrics of projects."""

    def number(name: Name, field: str) -> Metric:
        return name.family([([project.project_id], float(getattr(project, field) or 0)) for project in projects])

    def divided(name: Name, parts: Mapping[str, Mapping[str, int]]) -> Metric:
        return name.family(
            [((project, key), value) for project, counts in parts.items() for key, value in counts.items()]
        )

    yield number(Name.PUBLISHED, "published")
    outcomes = ("pending", *OUTCOMES)
    yield divided(
        Name.ROWS, {project.project_id: {name: getattr(project, name) for name in outcomes} for project in projects}
    )
    yield number(Name.RETRYING, "retrying")
    yield number(Name.WAITING, "waiting")
    yield number(Name.OLDEST, "oldest_waiting_seconds")
    yield divided(Name.DEAD_LETTERS, {project.project_id: project.dead_reasons for project in projects})
    yield number(Name.OVERRIDDEN, "overridden")
    yield number(Name.ADDED_AGAIN, "added_again")
    yield number(Name.UNDONE, "undone")
    yield divided(Name.CHUNKS, {project.project_id: project.chunks for project in projects})
    yield number(Name.STUCK, "stuck")
    yield Name.PURGING.family([([project.project_id], float(project.purging is not None)) for project in projects])
    yield Name.PAUSED.family([([project.project_id], float(project.paused is not None)) for project in projects])


def of_flow(totals: Mapping[str, FlowPoint]) -> Iterator[Metric]:
    """Yield the metrics of what became of rows ever, by project."""

    def divided(name: Name, parts: Mapping[str, Mapping[str, int]]) -> Metric:
        return name.family([((project, key), n) for project, counts in parts.items() for key, n in counts.items()])

    plain = ("imported", "superseded", "skipped", "discarded")
    settled = {
        project: {**{name: getattr(sums, name) for name in plain}, "dead": sums.died}
        for project, sums in totals.items()
    }
    yield divided(Name.SETTLED, settled)
    yield divided(Name.DIED, {project: sums.dead for project, sums in totals.items()})
    yield Name.RETRIED.family([([project], sums.retried) for project, sums in totals.items()])
    yield Name.FRESHNESS.histogram([([project], sums.freshness) for project, sums in totals.items()])


def of_requests(totals: Mapping[str, Requests]) -> Iterator[Metric]:
    """Yield the metrics of requests to Labelbox, by account."""
    yield Name.REQUESTS.family(
        [((account, *names), n) for account, sums in totals.items() for names, n in sorted(sums.numbers.items())]
    )
    yield Name.REQUEST_SECONDS.histogram(
        [((account, name), seconds) for account, sums in totals.items() for name, seconds in sums.seconds.items()]
    )


def of_quarantine(survey: Survey) -> Iterator[Metric]:
    """Yield the metric of names that no project can have, and of projects that cannot be read."""
    counts = {"keys": len(survey.quarantined), "name": survey.malformed}
    yield Name.QUARANTINED.family([([kind], count) for kind, count in counts.items()])


def of_accounts(accounts: Sequence[AccountStatus]) -> Iterator[Metric]:
    """Yield the metrics of accounts; they contain neither keys nor fingerprints."""
    yield Name.LIMIT.family([([account.name], account.limit) for account in accounts])
    yield Name.RATE.family([([account.name], account.rate) for account in accounts])
    yield Name.USED.family([([account.name], account.used) for account in accounts])
    stops = {(account.name, stop.kind) for account in accounts for stop in account.stops}
    yield Name.STOPPED.family([(names, 1.0) for names in sorted(stops)])
    states = [(account, state) for account in accounts for state in BREAKER_STATES]
    yield Name.BREAKER.family([((account.name, state), float(account.breaker == state)) for account, state in states])


def of_workers(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    """Yield the metrics of workers."""
    roles = [worker.role for worker in workers]
    yield Name.WORKERS.family([([role], roles.count(role)) for role in sorted(set(roles))])
    yield Name.STALLED.family([([worker.name, worker.identity], worker.stalled_seconds) for worker in workers])


def of_memory(servers: Sequence[ServerMemory]) -> Metric:
    """Return the metric of the memory of the Redis servers that keep rows."""
    kinds = {"used": "used_bytes", "max": "max_bytes"}
    return Name.MEMORY.family(
        [((server.name, kind), getattr(server, field)) for server in servers for kind, field in kinds.items()]
    )


def of_redis(*, answers: bool) -> Metric:
    """Return the metric that says whether Redis answered; if it did not, there are no other metrics."""
    return Name.UP.family([((), float(answers))])
