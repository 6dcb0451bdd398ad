"""Measure how much of a machine's cores is used while a backlog is drained, by one and by two worker processes.

    python benchmarks/busy.py [--rows 200000] [--projects 4] [--cores 2] [--workers 1 2] [--repeat 1] [--json]

For each number of workers: publish rows of five boxes to paused projects, resume them, and wait until all rows are
settled. The workers and the ontologies are warm. The server (sink.py) answers at once, so nothing but our own waiting
keeps a core idle. Prints a median of the runs; runs with one and with two workers take turns.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import redis
from end_to_end import CHUNK_ROWS
from services import (
    child_named,
    cpu,
    families,
    imported,
    processes,
    publish,
    redis_server,
    resident,
    rows,
    settings,
    sink,
    wait_until,
)

from prelabel.wire.keys import DEFAULT_PREFIX
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.operations.projects import Projects
from prelabel_worker.presence import living
from prelabel_worker.queries.audit import audit

_WARM_ROWS = 500  # of each project
_LOOK_SECONDS = 0.02
_LOOKS_OF_MEMORY = 10  # a look at memory costs as much as several at Redis, and runs on the same cores


@dataclass(frozen=True)
class Drain:
    """The figures of one drained backlog."""

    #: Number of worker processes that were started.
    workers: int
    #: Seconds from resuming the projects to the last settled row.
    wall: float
    #: Rows settled a second.
    rows_per_second: float
    #: CPU seconds of all workers, with their children.
    worker_cpu: float
    #: CPU seconds of Redis.
    redis_cpu: float
    #: CPU seconds of the server that stands in for Labelbox.
    sink_cpu: float
    #: CPU seconds of the three, as a share of the cores' time.
    busy: float
    #: Largest RSS of one worker with its children, in MB.
    worker_rss: float


def drain(number: int, projects: int, workers: int, cores: int, options: Sequence[str]) -> Drain:
    """Drain `number` rows with this many workers."""
    names = [f"p{n}" for n in range(projects)]
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url, sink() as address:
        client = redis.Redis.from_url(url)
        environment = settings(url, address, CHUNK_ROWS)
        command = [sys.executable, "-m", "prelabel_worker.cli", "worker", "--name", "busy%n@%h", *options]

        def settled(rows_each: int) -> bool:
            return imported(client, names) == [rows_each] * len(names)

        with processes(command, workers, environment) as started:
            wait_until(lambda: len(living(client, DEFAULT_PREFIX)) == workers, 60)
            for part in range(2):  # twice, so that all processes have taken some
                publish(url, [message for name in names for message in rows(_WARM_ROWS, name, part + 100)])
                wait_until(lambda part=part: settled(_WARM_ROWS * (part + 1)), 60)  # type: ignore[misc]
            for name in names:
                Pauses(client).pause_project(name, "benchmark")
            messages = [rows(number // projects, name, at) for at, name in enumerate(names)]
            publish(url, [message for turn in zip(*messages, strict=True) for message in turn])
            time.sleep(1)  # for Redis, to write what it has
            parts = [psutil.Process(process.pid) for process in started]
            others = [child_named("redis-server"), child_named("sink.py")]
            of_parts = [families([part]) for part in parts]
            before = [cpu([part]) for part in (*parts, *others)]
            begun = time.perf_counter()
            for name in names:
                Projects(client).resume(name)
            peak, looks = 0.0, 0
            while not settled(2 * _WARM_ROWS + number // projects):
                if looks % _LOOKS_OF_MEMORY == 0:
                    peak = max(peak, *(resident(family) for family in of_parts))
                looks += 1
                time.sleep(_LOOK_SECONDS)
            wall = time.perf_counter() - begun
            used = [cpu([part]) - earlier for part, earlier in zip((*parts, *others), before, strict=True)]
        assert all(project.balances for project in audit(client)), "the audit does not balance"
    *of_workers, of_redis, of_sink = used
    share = sum(used) / (cores * wall)
    return Drain(workers, wall, number / wall, sum(of_workers), of_redis, of_sink, share, peak)


def median(drains: list[Drain]) -> Drain:
    """Return the median of each figure."""
    return Drain(**{name: statistics.median(asdict(one)[name] for one in drains) for name in asdict(drains[0])})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--cores", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--worker-options", default="--concurrency 1", help="options of `prelabel worker`")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    options = arguments.worker_options.split()
    turns = [
        [drain(arguments.rows, arguments.projects, workers, arguments.cores, options) for workers in arguments.workers]
        for _ in range(arguments.repeat)
    ]
    drains = [median(list(runs)) for runs in zip(*turns, strict=True)]
    if arguments.json:
        print(json.dumps([asdict(one) for one in drains]))
        return
    print(f"{arguments.rows:,} rows of five boxes in {arguments.projects} projects, chunks of {CHUNK_ROWS:,} rows")
    print(
        f"{'workers':>7}{'rows/s':>9}{'wall s':>8}{'worker s':>10}{'Redis s':>9}{'sink s':>8}{'busy':>7}{'RSS MB':>8}"
    )
    for one in drains:
        print(
            f"{one.workers:7}{one.rows_per_second:9,.0f}{one.wall:8.1f}{one.worker_cpu:10.1f}{one.redis_cpu:9.1f}"
            f"{one.sink_cpu:8.1f}{one.busy:7.0%}{one.worker_rss:8.0f}"
        )
    if len(drains) > 1:
        first, last = drains[0], drains[-1]
        print(f"{first.workers} → {last.workers} workers: {last.rows_per_second / first.rows_per_second:.2f} x")


if __name__ == "__main__":
    main()
