"""Compare our path with a Celery task per row and with celery-batches, on the same machine, Redis and rows, in one run.

    python benchmarks/end_to_end.py [--rows 200000] [--peer-rows 4000] [--batch-rows 10000] [--rounds 1] [--json]

Ours: `Publisher` (real, validating) → Redis with appendfsync always → real Celery workers that validate, check the
ontology, build NDJSON, import over HTTP, poll and settle. The HTTP server answers at once (sink.py).
Peers: a task per row, sent with the row's JSON, that runs the same validation and rendering and appends the NDJSON to a
list in Redis (task_per_row.py); the same in batches of 500 (batches.py).

All sides have the same number of worker processes, which are started, warmed up and stopped (SIGSTOP) before rows are
published. `drained` begins when they may continue. `live` publishes other rows while they run. The times of our scripts
are those of a fifth of the rows, with one worker. The sides take turns in each round, and figures are medians of the
rounds. The floor is `orjson.loads` and `dumps` of the messages, each result dropped at once.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import orjson
import peers
import redis
from celery import Celery
from rows import microseconds
from script_times import ScriptTimes, merged, script_times, watch
from services import (
    Processes,
    broker,
    cpu,
    imported,
    memory,
    processes,
    publish,
    redis_cpu,
    redis_server,
    rows,
    settings,
    sink,
    stopped,
    wait_until,
)

from prelabel.wire.keys import DEFAULT_PREFIX
from prelabel_worker.presence import living
from prelabel_worker.queries.audit import audit

__all__ = [  # what other benchmarks need of a run
    *("CHUNK_ROWS", "CLASSES", "broker", "memory", "processes", "publish", "redis_server", "rows", "sink"),
    *("wait_until", "run_of_workers", "drain"),
]

CHUNK_ROWS = 10_000
WARM_ROWS = 500
"""Rows of each project before anything is measured."""
ANNOTATIONS = 5
_LOOK_SECONDS = 0.02
_LATER = 10**7
"""The number of the first data row of the rows that are published while workers run."""


@dataclass(frozen=True)
class Run:
    """The figures of one side in one round."""

    #: Rows published a second.
    published: float
    #: Rows imported a second from a backlog.
    drained: float
    #: Rows a second while rows are published and imported at the same time.
    live: float
    #: Memory of the workers in MB.
    resident: float
    #: Bytes of Redis for each waiting row.
    kept: float
    #: Microseconds of the workers' CPU for each row of the backlog.
    worker_cpu: float
    #: Microseconds of Redis's CPU for each row of the backlog, from the call of `publish` to its outcome.
    redis_cpu: float
    #: The times of our scripts.
    scripts: list[ScriptTimes] = field(default_factory=list)


@dataclass(frozen=True)
class Drained:
    """What a drained backlog took."""

    seconds: float
    worker_cpu: float
    redis_cpu: float
    resident: float


class OurWorkers:
    """Workers of ours on an empty Redis; `imported` counts the rows of all projects."""

    def __init__(self, url: str, address: str, projects: int, started: Processes) -> None:
        self.url, self.address, self.started = url, address, started
        self.projects = [f"p{n}" for n in range(projects)]
        self.client = redis.Redis.from_url(url)

    def imported(self) -> int:
        return sum(imported(self.client, self.projects))

    def messages(self, number: int, first: int) -> list[bytes]:
        each = number // len(self.projects)
        made = [message for at, name in enumerate(self.projects) for message in rows(each, name, at, first)]
        random.shuffle(made)
        return made

    def wait_for(self, number: int) -> float:
        return wait_until(lambda: self.imported() >= number, look_seconds=_LOOK_SECONDS)

    def warm_up(self) -> int:
        """Import some rows, in two turns so that each worker has had some; return how many."""
        turn = WARM_ROWS * len(self.projects)
        for at in (1, 2):
            publish(self.url, self.messages(turn, _LATER * (1 + at)))
            self.wait_for(turn * at)
        return 2 * turn

    def check(self, number: int) -> None:
        lines = int(httpx.get(f"{self.address}/lines").text)
        imported = self.imported()
        assert (imported, lines) == (number, ANNOTATIONS * number), (imported, lines, number)
        assert all(project.balances for project in audit(self.client)), "the audit does not balance"


@contextmanager
def run_of_workers(
    workers: int, projects: int, chunk_rows: int, program: Sequence[str] = ("-m", "prelabel_worker.cli")
) -> Iterator[OurWorkers]:
    """Start Redis, the server and workers of one process each, and wait until the workers are ready."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url, sink() as address:
        command = [sys.executable, *program, "worker", "--concurrency", "1", "--name", "ours%n@%h"]
        with processes(command, workers, settings(url, address, chunk_rows)) as started:
            running = OurWorkers(url, address, projects, started)
            wait_until(lambda: len(living(running.client, DEFAULT_PREFIX)) == workers, 60)
            yield running
            running.client.close()


def drain(running: OurWorkers, before: int, number: int, fill: Callable[[], None]) -> Drained:
    """Let workers drain what `fill` publishes while they are stopped; `before` rows are imported already."""
    redis_before = redis_cpu(running.client)
    with stopped(running.started):
        fill()
        workers_before, begun = cpu(running.started), time.perf_counter()
    seconds = running.wait_for(before + number) - begun
    return Drained(
        seconds,
        cpu(running.started) - workers_before,
        redis_cpu(running.client) - redis_before,
        memory(running.started),
    )


def times_of_scripts(running: OurWorkers, before: int, number: int) -> list[ScriptTimes]:
    """Publish other rows and let one worker import them, so that Redis need not wait for a core."""
    messages = running.messages(number, 4 * _LATER)
    for process in running.started[1:]:
        process.terminate()
        process.wait()
    watch(running.client)
    with stopped(running.started[:1]):
        publish(running.url, messages)
    running.wait_for(before + number)
    return script_times(running.client)


def ours(number: int, workers: int, projects: int) -> Run:
    """Drain a backlog, then publish and import as many other rows at the same time."""
    with run_of_workers(workers, projects, CHUNK_ROWS) as running:
        warm = running.warm_up()
        backlog, later = running.messages(number, 0), running.messages(number, _LATER)
        took, kept = 0.0, 0

        def fill() -> None:
            nonlocal took, kept
            before = int(running.client.info("memory")["used_memory"])
            took = publish(running.url, backlog)
            kept = int(running.client.info("memory")["used_memory"]) - before

        drained = drain(running, warm, number, fill)
        start = time.perf_counter()
        publish(running.url, later)
        live = running.wait_for(warm + 2 * number) - start
        more = number // 5 // projects * projects
        scripts = times_of_scripts(running, warm + 2 * number, more)
        running.check(warm + 2 * number + more)
    return Run(
        published=number / took,
        drained=number / drained.seconds,
        live=number / live,
        resident=drained.resident,
        kept=kept / number,
        worker_cpu=1e6 * drained.worker_cpu / number,
        redis_cpu=1e6 * drained.redis_cpu / number,
        scripts=scripts,
    )


def sent_only(message: str) -> None:
    """Stand for a task of a peer in the process that sends it."""


def peer(python: str, module: str, number: int, workers: int, batch: int = 1) -> Run:
    """Drain a backlog of tasks `label` of a module, then send and run as many at the same time.

    The last batch of each worker waits for rows that do not come, so it is not part of `drained`.
    """
    last = workers * (batch - 1)
    messages = [message.decode() for message in rows(number, "p0")]
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        client = redis.Redis.from_url(url)
        environment = {"BENCHMARK_REDIS": url, "BENCHMARK_BROKER": broker(url)}
        app = Celery(broker=broker(url))
        app.conf.task_ignore_result = True
        label = app.task(name=f"{module}.label")(sent_only)
        environment["PYTHONPATH"] = os.pathsep.join(str(peers.ROOT / part) for part in ("producers", "worker"))
        command = [python, "-m", "celery", "-A", module, "worker", "-c", "1", "-n", "peer%n@%h"]

        def send(some: list[str]) -> float:
            start = time.perf_counter()
            for message in some:
                label.delay(message)
            return time.perf_counter() - start

        def wait_for(rows_done: int) -> float:
            return wait_until(lambda: client.llen("ndjson") >= rows_done)

        with processes(command, workers, environment) as started:
            wait_until(lambda: len(client.client_list()) > workers, 60)
            send(messages[:20])
            wait_for(20)
            client.delete("ndjson")
            redis_before, before = redis_cpu(client), int(client.info("memory")["used_memory"])
            with stopped(started):
                published = send(messages)
                kept = int(client.info("memory")["used_memory"]) - before
                workers_before, begun = cpu(started), time.perf_counter()
            drained = (number - last) / (wait_for(number - last) - begun)
            worker_cpu, of_redis = cpu(started) - workers_before, redis_cpu(client) - redis_before
            resident = memory(started)
            wait_for(number)
            start = time.perf_counter()
            send(messages)
            live = number / (wait_for(2 * number) - start)
        app.close()
        client.close()
    done = number - last
    return Run(
        number / published, drained, live, resident, kept / number, 1e6 * worker_cpu / done, 1e6 * of_redis / done
    )


def floor(seconds: float = 0.5) -> float:
    """Return the microseconds of `orjson.loads` and `dumps` of a message."""
    return microseconds(lambda raw: orjson.dumps(orjson.loads(raw)), rows(500, "p0"), seconds)


def median(runs: list[Run]) -> Run:
    """Return the median of each figure, and of the times of each script."""
    names = [name for name in asdict(runs[0]) if name != "scripts"]
    medians = {name: statistics.median(getattr(run, name) for run in runs) for name in names}
    return Run(**medians, scripts=merged([run.scripts for run in runs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--peer-rows", type=int, default=4_000, help="rows of a task per row")
    parser.add_argument("--batch-rows", type=int, default=10_000, help="rows of celery-batches; 0: do not measure it")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sides: dict[str, Callable[[], Run]] = {
        "task per row": lambda: peer(sys.executable, "task_per_row", options.peer_rows, options.workers)
    }
    missing: dict[str, str] = {}
    try:
        if not options.batch_rows:
            raise peers.NoPeer("celery-batches is not measured in this run")
        python = str(peers.installed(peers.BATCHES))
        sides["celery-batches"] = lambda: peer(
            python, "batches", options.batch_rows, options.workers, peers.FLUSH_EVERY
        )
    except peers.NoPeer as reason:
        missing["celery-batches"] = str(reason)
    sides["prelabel"] = lambda: ours(options.rows, options.workers, options.projects)
    turns: list[dict[str, Run]] = []
    floors = []
    for _ in range(options.rounds):
        floors.append(floor())
        turns.append({name: run() for name, run in sides.items()})
    figures = {name: median([turn[name] for turn in turns]) for name in sides}
    if options.json:
        values = {name: asdict(run) for name, run in figures.items()}
        print(json.dumps({"floor": statistics.median(floors), "sides": values, "missing": missing}))
        return
    print(f"{options.workers} worker processes, {options.rows} rows of five boxes in {options.projects} projects")
    print(f"{'':24}" + "".join(f"{name:>16}" for name in figures))
    for name, title, unit in (
        ("published", "published", "rows/s"),
        ("drained", "imported (backlog)", "rows/s"),
        ("live", "published and imported", "rows/s"),
        ("resident", "worker memory", "MB"),
        ("kept", "Redis per waiting row", "bytes"),
        ("worker_cpu", "workers, a row", "µs of CPU"),
        ("redis_cpu", "Redis, a row", "µs of CPU"),
    ):
        print(f"{title:24}" + "".join(f"{asdict(run)[name]:16,.1f}" for run in figures.values()) + f" {unit}")
    print(f"the floor is {statistics.median(floors):.2f} µs; {'; '.join(missing.values())}")


if __name__ == "__main__":
    main()
