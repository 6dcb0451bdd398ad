"""What a load needs, in closed form: processes, cores, Redis nodes, requests and memory."""

import math

import msgspec

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.scenario import DAY_SECONDS, Scenario
from benchmarks.capacity.stations import POLLED_TOGETHER

PEAK = 3.0
"""The busiest minutes of a day against its mean."""
BUSY = 0.6
"""The share of its time that a core may be busy at the peak, so that queues stay short."""
LABELBOX_LIMITS = {"Free": 1500, "Starter, Education": 5000, "Enterprise": 20_000}
"""Requests a minute by plan: docs/reference/labelbox-api.md#5."""
SAFE_SHARE = 0.8
"""The share of a plan's limit that workers should be given."""
_US, _MS = 1e-6, 1e-3


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs at its peak. Cores and processes are as many as keep each at most `BUSY` busy."""

    #: Rows a second at the peak.
    rows_a_second: float
    #: Rows of a chunk, on average.
    chunk_rows: float
    #: Requests a minute: uploads, and polls.
    requests_a_minute: float
    #: Publishing processes, each with a core.
    publishers: int
    #: Worker processes of the role `submit`. One waits during its uploads.
    submit_processes: int
    #: Worker processes of the role `poll`.
    poll_processes: int
    #: Cores of all workers.
    worker_cores: float
    #: Cores of Redis. A node has one.
    redis_cores: float
    #: Redis nodes, when the projects are spread evenly.
    redis_nodes: int
    #: Bytes of Redis for an hour of rows that wait, at the mean rate.
    outage_bytes: float
    #: Bytes of Redis for a week of settled rows.
    week_bytes: float


def chunk_rows(rows_a_second: float, scenario: Scenario) -> float:
    """Return how many rows a chunk has, on average, when no resource delays it.

    A chunk has the rows of every lane unless more wait than it may have. So the next chunk is cut when it is settled,
    or when the linger time ends, if that is later.
    """
    of_project = rows_a_second / scenario.projects
    rows = of_project * scenario.linger_seconds
    for _ in range(3):
        rows = of_project * max(scenario.linger_seconds, import_seconds(rows, scenario))
    return max(1.0, min(float(scenario.chunk_rows), rows))


def import_seconds(rows: float, scenario: Scenario) -> float:
    """Return the seconds from cutting a chunk of so many rows until it is settled: upload, polls, status file."""
    runs = scenario.import_seconds + rows * scenario.import_row_seconds
    return 3 * scenario.request_seconds + max(scenario.poll_min_seconds, runs + scenario.poll_min_seconds / 2)


def requests_a_chunk(scenario: Scenario, *, gathered: bool) -> float:
    """Return the requests of a chunk: its upload, and its polls, 25 in one request when many imports run."""
    polls = 1 + max(0.0, math.log(max(1.0, scenario.import_seconds / scenario.poll_min_seconds), 1.5))
    return 1 + polls / (POLLED_TOGETHER if gathered else 1)


def largest_rate(requests_a_minute: int, scenario: Scenario) -> float:
    """Return the largest rate of rows that fits into a request budget, with full chunks."""
    usable = (requests_a_minute - scenario.request_burst) / 61
    return usable / requests_a_chunk(scenario, gathered=True) * scenario.chunk_rows


def need(rows_a_day: float, scenario: Scenario, costs: Costs, *, peak: float = PEAK) -> Need:
    """Return what this many rows a day need; the scenario has the projects, the chunks and Labelbox's times."""
    mean = rows_a_day / DAY_SECONDS
    rate = mean * peak
    most_chunks = scenario.accounts * largest_rate(scenario.requests_a_minute, scenario) / scenario.chunk_rows
    rows = chunk_rows(rate, scenario)
    # Chunks that wait for a permit leave later rows waiting, and so the next chunks are larger.
    rows = min(float(scenario.chunk_rows), max(rows, rate / most_chunks))
    chunks = rate / rows
    upload = scenario.request_seconds + rows * costs.upload_row_bytes / scenario.upload_bytes_a_second
    submit = rate * costs.submit_row_us * _US + chunks * costs.submit_chunk_ms * _MS
    settle = rate * costs.settle_row_us * _US + chunks * costs.settle_chunk_ms * _MS
    requests = chunks * requests_a_chunk(scenario, gathered=chunks * 60 > POLLED_TOGETHER)
    submit_processes = math.ceil((submit + chunks * upload) / BUSY)
    poll_processes = math.ceil((settle + requests * scenario.request_seconds) / BUSY)
    redis = load_of_redis(rate, chunks, submit_processes + poll_processes, scenario, costs)
    return Need(
        rows_a_second=rate,
        chunk_rows=rows,
        requests_a_minute=60 * requests,
        publishers=math.ceil(rate * _publisher_row_seconds(rate, scenario, costs) / BUSY),
        submit_processes=submit_processes,
        poll_processes=poll_processes,
        worker_cores=(submit + settle) / BUSY,
        redis_cores=redis,
        redis_nodes=math.ceil(redis / BUSY),
        outage_bytes=3600 * mean * costs.waiting_row_bytes,
        week_bytes=7 * rows_a_day * costs.settled_row_bytes,
    )


def load_of_redis(rate: float, chunks: float, workers: int, scenario: Scenario, costs: Costs) -> float:
    """Return the cores that Redis uses for these rows and chunks a second and this number of workers."""
    rows = rate * costs.redis_total_row_us + rate / frame_rows(rate, scenario) * costs.redis_publish_frame_us
    return rows * _US + chunks * costs.redis_chunk_ms * _MS + workers * costs.redis_idle_worker_us * _US


def frame_rows(rate: float, scenario: Scenario) -> float:
    """Return the rows of a frame: those of one lane that a publisher gathers in its linger time."""
    sent = rate / scenario.publishers / scenario.projects * scenario.publisher_linger_seconds
    return min(256.0, max(1.0, sent / scenario.lanes))


def _publisher_row_seconds(rate: float, scenario: Scenario, costs: Costs) -> float:
    return (costs.publisher_row_us + costs.publisher_frame_us / frame_rows(rate, scenario)) * _US


def drain_rate(scenario: Scenario, costs: Costs) -> float:
    """Return the rows a second of a backlog on one machine, if no core were ever idle: an upper bound."""
    row = costs.worker_row_us + costs.redis_row_us + costs.sink_row_us
    chunk = costs.submit_chunk_ms + costs.settle_chunk_ms + costs.redis_chunk_ms
    return scenario.cores / (row * _US + chunk * _MS / scenario.chunk_rows)
