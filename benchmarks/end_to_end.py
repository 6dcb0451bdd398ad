"""Compare our path with one Celery task per row, on the same machine, Redis and rows, in one run.

    python benchmarks/end_to_end.py [--rows 100000] [--baseline-rows 4000] [--workers 2] [--projects 4]

Ours: `Publisher` (real, validating) → Redis with appendfsync always → real Celery workers that validate, check the
ontology, build NDJSON, import over HTTP, poll and settle. The HTTP server answers at once (sink.py).
Baseline, the usual first attempt: a task per row, sent with the row's JSON, that runs the same validation and rendering
and appends the NDJSON to a list in Redis. Both sides drain a backlog with the same number of processes.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import psutil
import redis

from prelabel import Publisher
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.redis_server import find_redis_server

HERE = Path(__file__).parent
CHUNK_ROWS = 10_000
CLASSES = ["car", "truck", "bus", "person", "bicycle", "vessel", "buoy", "crane", "dog", "sign"]


@dataclass(frozen=True)
class Result:
    """The figures of one side."""

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


def rows(number: int, project_id: str, seed: int = 1) -> list[bytes]:
    """Return messages of five boxes, about 640 bytes each."""
    random.seed(seed)

    def box() -> dict[str, object]:
        left, top, width, height = (round(random.uniform(1, 900), 1) for _ in range(4))
        name = random.choice(CLASSES)
        return {"name": name, "bbox": {"left": left, "top": top, "width": width, "height": height}, "confidence": 0.87}

    return [
        orjson.dumps(
            {
                "messageId": f"m-{project_id}-{n:08d}",
                "projectId": project_id,
                "dataRow": {"globalKey": f"cam-{n % 17}/{n:08d}.jpg"},
                "model": {"name": "yolo", "version": "11s"},
                "annotations": [box() for _ in range(5)],
            }
        )
        for n in range(number)
    ]


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    socket = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    options += ["--appendonly", "yes", "--appendfsync", "always"]
    server = subprocess.Popen([str(find_redis_server()), *options], stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    try:
        yield f"unix://{socket}?db=0"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def processes(command: list[str], number: int, environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [
        subprocess.Popen(
            [part.replace("%n", str(n)) for part in command],
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd=HERE,
        )
        for n in range(number)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def memory(started: list[subprocess.Popen[bytes]]) -> float:
    """Return the RSS of the worker processes and their children, in MB."""
    parents = [psutil.Process(process.pid) for process in started]
    every = [process for parent in parents for process in [parent, *parent.children(recursive=True)]]
    return sum(process.memory_info().rss for process in every) / 1e6


def wait_until(done: Callable[[], bool], seconds: float = 600) -> float:
    deadline = time.perf_counter() + seconds
    while not done():
        if time.perf_counter() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return time.perf_counter()


@contextmanager
def sink() -> Iterator[str]:
    command = [sys.executable, str(HERE / "sink.py"), ",".join(CLASSES)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield json.loads(started.stdout.readline())["url"]
    finally:
        started.terminate()
        started.wait()


def publish(url: str, messages: list[bytes]) -> float:
    start = time.perf_counter()
    with Publisher(url) as publisher:
        for message in messages:
            publisher.publish(message)
    return time.perf_counter() - start


def ours(number: int, workers: int, projects: int) -> Result:
    """Publish all rows, start the workers and drain them; then publish and import the same rows at the same time."""
    messages = [message for n in range(projects) for message in rows(number // projects, f"p{n}", n)]
    random.shuffle(messages)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url, sink() as address:
        client = redis.Redis.from_url(url)
        inspector = Inspector(client)
        before = int(client.info("memory")["used_memory"])
        published = publish(url, messages)
        kept = int(client.info("memory")["used_memory"]) - before
        environment = {
            "PRELABEL_REDIS_URL": url,
            "PRELABEL_BROKER_URL": broker(url),
            "PRELABEL_LABELBOX_ENDPOINT": f"{address}/graphql",
            "PRELABEL_LABELBOX_API_KEY": "benchmark",
            "PRELABEL_REQUESTS_PER_MINUTE": "100000",
            "PRELABEL_REQUEST_BURST": "5000",
            "PRELABEL_POLL_MIN_SECONDS": "0.1",
            "PRELABEL_CHUNK_ROWS": str(CHUNK_ROWS),
            "PRELABEL_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", "celery", "-A", "prelabel_worker", "worker", "-c", "1", "-n", "ours%n@%h"]

        def settled() -> bool:
            return all(status.pending == 0 for status in inspector.all())

        with processes(command, workers, environment) as started:
            ready = wait_until(lambda: len(inspector.workers()) == workers)
            drained = wait_until(settled) - ready
            start = time.perf_counter()
            publish(url, messages)
            live = wait_until(settled) - start
            resident = memory(started)
        imported = sum(status.imported for status in inspector.all())
        lines = int(httpx.get(f"{address}/lines").text)
        assert (imported, lines) == (2 * number, 10 * number), (imported, lines)
        assert all(project.balances for project in audit(client)), "the audit does not balance"
    return Result(number / published, number / drained, number / live, resident, kept / number)


def baseline(number: int, workers: int) -> Result:
    """Run a task per row; the drain is measured from the first finished row to the last."""
    messages = rows(number, "p0")
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        client = redis.Redis.from_url(url)
        environment = {"BENCHMARK_REDIS": url, "BENCHMARK_BROKER": broker(url)}
        os.environ.update(environment)
        from task_per_row import app, label

        before = int(client.info("memory")["used_memory"])
        start = time.perf_counter()
        for message in messages:
            label.delay(message.decode())
        published = time.perf_counter() - start
        kept = int(client.info("memory")["used_memory"]) - before
        app.close()
        command = [sys.executable, "-m", "celery", "-A", "task_per_row", "worker", "-c", "1", "-n", "base%n@%h"]
        with processes(command, workers, environment) as started:
            first = wait_until(lambda: client.llen("ndjson") > 0)
            done_at_first = client.llen("ndjson")
            last = wait_until(lambda: client.llen("ndjson") >= number)
            resident = memory(started)
    drained = (number - done_at_first) / (last - first)
    return Result(number / published, drained, float("nan"), resident, kept / number)


def broker(url: str) -> str:
    """Return the URL of the same Redis in kombu's spelling."""
    return url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--baseline-rows", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--projects", type=int, default=4)
    arguments = parser.parse_args()
    base = baseline(arguments.baseline_rows, arguments.workers)
    us = ours(arguments.rows, arguments.workers, arguments.projects)
    print(f"{arguments.workers} worker processes, {arguments.rows} rows of five boxes in {arguments.projects} projects")
    print(f"{'':24}{'task per row':>14}{'prelabel':>14}{'ratio':>9}")
    for name, one, other, unit in (
        ("published", base.published, us.published, "rows/s"),
        ("imported (backlog)", base.drained, us.drained, "rows/s"),
        ("published and imported", 1 / (1 / base.published + 1 / base.drained), us.live, "rows/s"),
        ("worker memory", base.resident, us.resident, "MB"),
        ("Redis per waiting row", base.kept, us.kept, "bytes"),
    ):
        print(f"{name:24}{one:14,.0f}{other:14,.0f}{other / one:8.1f}x {unit}")


if __name__ == "__main__":
    main()
