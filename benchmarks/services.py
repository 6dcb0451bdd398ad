"""What the benchmarks run beside the code that they measure: Redis, the server that answers at once, and workers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import redis
from five_boxes import CLASSES, row

from prelabel import Publisher
from prelabel.wire.keys import DEFAULT_PREFIX, ProjectKeys
from prelabel_worker.stack.redis_server import find_redis_server

HERE = Path(__file__).parent
Processes = list[subprocess.Popen[bytes]]
Running = subprocess.Popen[bytes] | psutil.Process


def rows(number: int, project_id: str, seed: int = 1, first: int = 0) -> list[bytes]:
    """Return messages of five boxes for the data rows from `first` on."""
    chance = random.Random(seed)
    return [orjson.dumps(row(project_id, n, chance)) for n in range(first, first + number)]


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis that answers a write when it is on the disk."""
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
        client.close()
        server.terminate()
        server.wait()


@contextmanager
def sink() -> Iterator[str]:
    """Run the server that stands in for Labelbox; see sink.py."""
    command = [sys.executable, str(HERE / "sink.py"), ",".join(CLASSES)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield json.loads(started.stdout.readline())["url"]
    finally:
        started.terminate()
        started.wait()
        started.stdout.close()


@contextmanager
def processes(command: list[str], number: int, environment: dict[str, str]) -> Iterator[Processes]:
    """Run a command in `number` process groups; `%n` in a word of it is the number of the process."""
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
                process.wait()


@contextmanager
def stopped(started: Processes) -> Iterator[None]:
    """Let these process groups do nothing inside the block, so that a backlog can grow."""
    for process in started:
        os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGCONT)


def settings(url: str, address: str, chunk_rows: int) -> dict[str, str]:
    """Return the environment of a worker of ours."""
    return {
        "PRELABEL_REDIS_URL": url,
        "PRELABEL_BROKER_URL": broker(url),
        "PRELABEL_LABELBOX_ENDPOINT": f"{address}/graphql",
        "PRELABEL_LABELBOX_API_KEY": "benchmark",
        "PRELABEL_REQUESTS_PER_MINUTE": "100000",
        "PRELABEL_REQUEST_BURST": "5000",
        "PRELABEL_POLL_MIN_SECONDS": "0.1",
        "PRELABEL_CHUNK_ROWS": str(chunk_rows),
        "PRELABEL_LOG_LEVEL": "warning",
    }


def broker(url: str) -> str:
    """Return the URL of the same Redis in kombu's spelling."""
    return url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")


def child_named(name: str) -> psutil.Process:
    """Return the child of this process whose command line has this word."""
    return next(part for part in psutil.Process().children() if any(name in word for word in part.cmdline()))


def families(started: Iterable[Running]) -> list[psutil.Process]:
    """Return these processes and their children."""
    parents = [psutil.Process(process.pid) for process in started]
    return [process for parent in parents for process in [parent, *parent.children(recursive=True)]]


def memory(started: Iterable[Running]) -> float:
    """Return the RSS of these processes and their children, in MB."""
    return resident(families(started))


def resident(family: Iterable[psutil.Process]) -> float:
    """Return the RSS of these processes alone, in MB."""
    return sum(process.memory_info().rss for process in family) / 1e6


def cpu(started: Iterable[Running]) -> float:
    """Return the seconds of CPU that these processes and their children have used."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in families(started)))


def redis_cpu(client: "redis.Redis") -> float:
    """Return the seconds of CPU that the server has used."""
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def imported(client: "redis.Redis", projects: Iterable[str]) -> list[int]:
    """Return the imported rows of each project, in one round trip: who looks runs on the cores that are measured."""
    pipeline = client.pipeline(transaction=False)
    for project in projects:
        pipeline.hget(ProjectKeys(DEFAULT_PREFIX, project).counts, "imported")
    return [int(count or 0) for count in pipeline.execute()]


def wait_until(done: Callable[[], bool], seconds: float = 600, look_seconds: float = 0.01) -> float:
    """Return the moment at which `done` was first true."""
    deadline = time.perf_counter() + seconds
    while not done():
        if time.perf_counter() > deadline:
            raise TimeoutError
        time.sleep(look_seconds)
    return time.perf_counter()


def publish(url: str, messages: list[bytes]) -> float:
    """Publish the messages and return the seconds until Redis has them all."""
    start = time.perf_counter()
    with Publisher(url) as publisher:
        for message in messages:
            publisher.publish(message)
    return time.perf_counter() - start
