"""Redis in trouble: publishers keep their rows, workers wait and go on, nothing is lost and nothing doubled."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from prelabel import Publisher
from prelabel_worker.audit import audit
from prelabel_worker.inspector import Inspector, ProjectStatus
from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.conftest import wait_for
from tests.flow.conftest import TOOLS, box
from tests.forwarder import Forwarder
from tests.sandbox.process import SandboxProcess

ROWS = 400
QUIET_LINES_A_SECOND = 10
SETTINGS = {
    "PRELABEL_LINGER_SECONDS": "0.1",
    "PRELABEL_CHUNK_ROWS": "50",
    "PRELABEL_POLL_MIN_SECONDS": "0.2",
    "PRELABEL_BACKOFF_MAX_SECONDS": "1",
    "PRELABEL_LEASE_SECONDS": "2",
    "PRELABEL_SERVER_LIMIT_SECONDS": "2",
    "PRELABEL_LOG_FORMAT": "json",
}


class Server:
    """A redis-server on a port of its own that can die and come back."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._options = options
        folder.mkdir()
        self.client = redis.Redis(port=self.port, socket_timeout=10)
        self.start()

    def start(self) -> None:
        command = [str(find_redis_server()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self._answers, "redis-server to answer")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False


@dataclass
class World:
    """A Redis behind a forwarder, a sandbox and one worker of two processes that goes through every trouble."""

    folder: Path
    server: Server
    forwarder: Forwarder
    sandbox: SandboxProcess
    worker: "subprocess.Popen[bytes]" = field(init=False)
    projects: int = 0

    def __post_init__(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        environment = clean | SETTINGS
        environment |= {"PRELABEL_REDIS_URL": self.url, "PRELABEL_LABELBOX_API_KEY": "a-key"}
        environment |= {"PRELABEL_LABELBOX_ENDPOINT": f"{self.sandbox.url}/graphql"}
        command = [sys.executable, "-m", "celery", "-A", "prelabel_worker", "worker", "--concurrency", "2"]
        with self.log.open("wb") as log:
            self.worker = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle"], cwd=self.folder, env=environment, stderr=log
            )
        wait_for(lambda: Inspector(self.server.client).workers(), "the worker")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.forwarder.port}/0"

    def wait_for_line(self, event: str) -> None:
        """Wait for a new line of the worker's log about this."""
        seen = self.log.read_bytes().count(event.encode())
        wait_for(lambda: self.log.read_bytes().count(event.encode()) > seen, event)

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"


@dataclass
class Run:
    """A project of one test, published while the trouble is on."""

    world: World
    project: str
    published: int = 0

    def publish(self, publisher: Publisher, rows: int = ROWS) -> None:
        for n in range(self.published, self.published + rows):
            publisher.publish(box(f"k{n}", project=self.project, left=n))
        self.published += rows

    def status(self) -> ProjectStatus:
        return Inspector(self.world.server.client).status(self.project)

    def assert_exactly_once(self, seconds: float = 40) -> None:
        """Every row is imported, Labelbox holds each annotation once, and the worker lived through it."""
        status = self.status
        wait_for(lambda: status().published == self.published and not status().pending, "all rows to settle", seconds)
        found = audit(self.world.server.client)
        assert [each.differences for each in found if each.project_id == self.project] == [[]]
        assert status().imported == self.published
        lines = self.world.sandbox.pre_labels(self.project)
        seen = sorted((line["dataRow"]["globalKey"], line["bbox"]["left"]) for line in lines)
        assert seen == sorted((f"k{n}", n) for n in range(self.published))
        assert self.world.worker.poll() is None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("trouble")
    server = Server(folder / "a")
    forwarder = Forwarder(server.port)
    sandbox = SandboxProcess(folder / "sandbox")
    found = World(folder, server, forwarder, sandbox)
    yield found
    found.worker.terminate()
    found.worker.wait(30)
    sandbox.stop()
    forwarder.close()
    server.client.close()
    server.kill()


@pytest.fixture
def run(world: World) -> Run:
    world.projects += 1
    project = f"p{world.projects}"
    world.sandbox.project(project, {"tools": TOOLS, "classifications": []})
    return Run(world, project)


@contextlib.contextmanager
def quiet(world: World) -> Iterator[None]:
    """What is inside makes the worker write some lines a second at most."""
    begun, before = time.monotonic(), world.log.read_bytes().count(b"\n")
    yield
    lines = world.log.read_bytes().count(b"\n") - before
    assert lines <= 20 + QUIET_LINES_A_SECOND * (time.monotonic() - begun), world.log.read_text()[-3000:]


def test_a_read_only_server_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server.client
    with Publisher(run.world.url, spool_dir=tmp_path / "spool") as publisher:
        run.publish(publisher)
        wait_for(lambda: run.status().chunks, "a chunk")
        server.replicaof("127.0.0.1", 1)
        with quiet(run.world):
            run.publish(publisher)
            wait_for(lambda: publisher.spooled_rows, "rows on the disk")
            run.world.wait_for_line("tick.failed")
        server.replicaof("NO", "ONE")
        run.assert_exactly_once()
