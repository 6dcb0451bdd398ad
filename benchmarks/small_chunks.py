"""Measure what a small chunk costs: many projects with a few rows each, so that nothing is shared by many rows.

    python benchmarks/small_chunks.py [--projects 1000] [--rows 50] [--workers 2] [--json]

A backlog of messages of five boxes is published, then drained by worker processes into a sink that answers at once
(sink.py). Redis writes every answer to the disk first. CPU is counted from the moment at which all workers are ready to
the last settled row, and includes the looks at projects without work.
"""

import argparse
import json
import random
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import redis
from services import cpu, processes, publish, redis_cpu, redis_server, rows, settings, sink, wait_until

from prelabel.wire.keys import DEFAULT_PREFIX, ProjectKeys
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector

ANNOTATIONS = 5
CHUNK_ROWS = 10_000
_LOOK_SECONDS = 0.2  # so that looks at the progress cost Redis little


@dataclass(frozen=True)
class Figures:
    """The figures of one run."""

    projects: int
    rows: int
    chunks: int
    #: Rows imported a second.
    rows_per_second: float
    #: Milliseconds of CPU of all worker processes for each chunk.
    worker_ms: float
    #: Milliseconds of CPU of Redis for each chunk.
    redis_ms: float
    #: Commands that clients sent to Redis, for each chunk; the commands of scripts are not counted.
    round_trips: float
    #: Commands of scripts and clients, for each chunk.
    commands: float
    #: Bytes of Redis for each waiting row.
    bytes_per_row: float


def names_of(projects: int) -> list[str]:
    return [f"p{at:05d}" for at in range(projects)]


def messages_of(projects: int, number: int) -> list[bytes]:
    """Return `number` messages for each project, in random order."""
    names = names_of(projects)
    messages = [
        message.replace(b'"PROJECT"', f'"{names[at % projects]}"'.encode())
        for at, message in enumerate(rows(projects * number, "PROJECT"))
    ]
    random.shuffle(messages)
    return messages


def commands_of(client: "redis.Redis") -> dict[str, tuple[int, int]]:
    """Return the calls of each command and the microseconds that they took."""
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): (value["calls"], value["usec"]) for name, value in stats.items()}


def imported(client: "redis.Redis", projects: int) -> int:
    with client.pipeline(transaction=False) as pipeline:
        for name in names_of(projects):
            pipeline.hget(ProjectKeys(DEFAULT_PREFIX, name).counts, "imported")
        return sum(int(value or 0) for value in pipeline.execute())


def chunks_of(client: "redis.Redis", projects: int) -> int:
    """Return the number of settled chunks: the history has a record of each."""
    return sum(client.zcard(ProjectKeys(DEFAULT_PREFIX, name).history) for name in names_of(projects))


def measure(projects: int, number: int, workers: int, *, profile: bool) -> Figures:
    messages = messages_of(projects, number)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url, sink() as address:
        client = redis.Redis.from_url(url)
        inspector = Inspector(client)
        before = int(client.info("memory")["used_memory"])
        publish(url, messages)
        kept = int(client.info("memory")["used_memory"]) - before
        environment = settings(url, address, CHUNK_ROWS)
        command = [sys.executable, "-m", "celery", "-A", "prelabel_worker", "worker", "-c", "1", "-n", "small%n@%h"]

        def sent() -> bool:
            return int(httpx.get(f"{address}/lines").text) >= ANNOTATIONS * len(messages)

        def settled() -> bool:
            return imported(client, projects) >= len(messages)

        with processes(command, workers, environment) as started:
            ready = wait_until(lambda: len(inspector.workers()) == workers)
            workers_before, redis_before, commands = cpu(started), redis_cpu(client), commands_of(client)
            wait_until(sent, look_seconds=_LOOK_SECONDS)
            seconds = wait_until(settled, look_seconds=_LOOK_SECONDS) - ready
            worker_seconds, redis_seconds = cpu(started) - workers_before, redis_cpu(client) - redis_before
            called = {
                name: (calls - commands.get(name, (0, 0))[0], spent - commands.get(name, (0, 0))[1])
                for name, (calls, spent) in commands_of(client).items()
            }
            received = int(httpx.get(f"{address}/lines").text)
        chunks = chunks_of(client, projects)
        assert received == ANNOTATIONS * len(messages), received
        assert all(project.balances for project in audit(client)), "the audit does not balance"
    if profile:
        for name, (calls, spent) in sorted(called.items(), key=lambda item: -item[1][1])[:30]:
            print(f"{name:20} {calls / chunks:8.2f} calls a chunk {spent / chunks:8.1f} µs a chunk", file=sys.stderr)
    return Figures(
        projects=projects,
        rows=len(messages),
        chunks=chunks,
        rows_per_second=len(messages) / seconds,
        worker_ms=1000 * worker_seconds / chunks,
        redis_ms=1000 * redis_seconds / chunks,
        round_trips=called.get("evalsha", (0, 0))[0] / chunks,
        commands=sum(calls for calls, _ in called.values()) / chunks,
        bytes_per_row=kept / len(messages),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=50, help="for each project")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--profile", action="store_true", help="print the commands of Redis to standard error")
    options = parser.parse_args()
    figures = measure(options.projects, options.rows, options.workers, profile=options.profile)
    if options.json:
        print(json.dumps(asdict(figures)))
        return
    print(
        f"{figures.rows:,} rows in {figures.projects:,} projects, {figures.chunks:,} chunks: "
        f"{figures.rows_per_second:,.0f} rows/s\n"
        f"a chunk: {figures.worker_ms:.1f} ms of worker CPU, {figures.redis_ms:.2f} ms of Redis, "
        f"{figures.round_trips:.1f} scripts, {figures.commands:.0f} commands\n"
        f"a waiting row: {figures.bytes_per_row:.0f} bytes"
    )


if __name__ == "__main__":
    main()
