"""Trouble with Redis: publishers keep their rows, workers wait and continue, and no row is lost or doubled."""

import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prelabel import BufferFull, Publisher
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.support.flow import TOOLS, box
from tests.support.forwarder import Forwarder
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

ROWS = 200
SETTINGS = {"chunk_rows": "50", "lease_seconds": "1", "server_limit_seconds": "2"}


class Server:
    """A redis-server on a port of its own that can die and come back."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.client = redis.Redis(port=self.port, socket_timeout=10, retry=Retry(NoBackoff(), 0))
        folder.mkdir()
        self.start(*options)
        wait_for(self.answers, "redis-server to answer")

    def start(self, *options: str) -> None:
        command = [str(find_redis_server()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "always"]
        command += ["--repl-diskless-sync-delay", "0", *options]
        # Python ignores SIGXFSZ, and so does its child: a write beyond the limit fails, as on a full disk.
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, restore_signals=False)

    def kill(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()

    def limit_files(self, size: int) -> None:
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False

    def is_loading(self) -> bool:
        try:
            self.client.get("any")
        except redis.BusyLoadingError:
            return True
        except redis.ConnectionError:
            return False
        pytest.fail("the server had loaded before anybody looked")


@dataclass
class World:
    """A Redis behind a forwarder, a sandbox, and one worker of two processes for all tests."""

    folder: Path
    server: Server
    forwarder: Forwarder
    sandbox: SandboxProcess
    worker: "subprocess.Popen[bytes]" = field(init=False)
    projects: int = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.forwarder.port}/0"

    def complaints(self) -> list[bytes]:
        return [line for line in self.log.read_bytes().splitlines() if b'"level": "info"' not in line]

    def wait_for_line(self, event: str) -> None:
        """Wait for a new line of the worker's log about this."""
        seen = self.log.read_bytes().count(event.encode())
        wait_for(lambda: self.log.read_bytes().count(event.encode()) > seen, event)

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"


@dataclass
class Run:
    """The project of one test, to which rows are published during the trouble."""

    world: World
    project: str
    published: int = 0

    def publish(self, publisher: Publisher, rows: int = ROWS) -> None:
        for _ in range(rows):
            publisher.publish(box(f"k{self.published}", project=self.project, left=self.published))
            self.published += 1

    def status(self) -> ProjectStatus:
        return Inspector(self.world.server.client).status(self.project)

    def assert_exactly_once(self, seconds: float = 80) -> None:
        """Assert that every row is imported, that Labelbox has each annotation once, and that the worker still runs."""
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
    server = Server(folder / "first")
    found = World(folder, server, Forwarder(server.port), SandboxProcess(folder / "sandbox"))
    told = environment(found.sandbox, redis_url=found.url, **SETTINGS)
    with running_worker(folder, told, "--concurrency", "2") as found.worker:
        wait_for(lambda: Inspector(server.client).workers(), "the worker")
        yield found
    found.sandbox.stop()
    found.forwarder.close()
    found.server.kill()


@pytest.fixture
def run(world: World) -> Iterator[Run]:
    world.projects += 1
    project = f"p{world.projects}"
    world.sandbox.project(project, {"tools": TOOLS, "classifications": []})
    yield Run(world, project)
    world.forwarder.delay = 0.0
    for name, value in (("maxmemory", "0"), ("save", ""), ("appendfsync", "always")):
        world.server.client.config_set(name, value)


@contextlib.contextmanager
def quiet(world: World) -> Iterator[None]:
    """Assert that the worker logs at most a few lines a second about the trouble."""
    begun, before = time.monotonic(), len(world.complaints())
    yield
    lines = world.complaints()[before:]
    assert len(lines) <= 10 + 5 * (time.monotonic() - begun), lines


@contextlib.contextmanager
def publishing(run: Run, folder: Path) -> Iterator[Publisher]:
    """Yield a publisher with a spool that has published before the trouble; its remaining rows are sent at the end."""
    with Publisher(run.world.url, spool_dir=folder / "spool", linger_seconds=0.01) as publisher:
        run.publish(publisher)
        wait_for(lambda: run.status().chunks, "a chunk")
        yield publisher


def test_a_server_that_becomes_read_only_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server.client
    with publishing(run, tmp_path) as publisher:
        server.replicaof("127.0.0.1", 1)
        with quiet(run.world):
            run.publish(publisher)
            wait_for(lambda: publisher.spooled_rows, "rows on the disk")
            run.world.wait_for_line("tick.failed")
        server.replicaof("NO", "ONE")
        run.assert_exactly_once()


def test_a_successor_at_the_same_address_is_found(run: Run, tmp_path: Path) -> None:
    """A failover: connections stay open to the old server, which became the replica of its own replica."""
    world = run.world
    old, new = world.server, Server(world.folder / "successor")
    with publishing(run, tmp_path) as publisher:
        new.client.replicaof("127.0.0.1", old.port)
        wait_for(lambda: new.client.info("replication")["master_link_status"] == "up", "the replica to be in sync")
        assert old.client.wait(1, 10_000)
        world.server = new
        new.client.replicaof("NO", "ONE")
        world.forwarder.target = new.port
        old.client.replicaof("127.0.0.1", new.port)
        with quiet(world):
            run.publish(publisher)
            run.assert_exactly_once()
    old.kill()


def test_a_server_that_dies_and_loads_its_file_for_seconds_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server
    with server.client.pipeline(transaction=False) as pipeline:
        for n in range(20_000):
            pipeline.set(f"foreign:{n}", n)
        pipeline.execute()
    with publishing(run, tmp_path) as publisher, quiet(run.world):
        server.kill()
        run.publish(publisher)
        wait_for(lambda: publisher.spooled_rows, "rows on the disk")
        server.start("--key-load-delay", "150")
        wait_for(server.is_loading, "the server to load")
        run.world.wait_for_line("is loading the dataset")
        wait_for(server.answers, "the server to have loaded")
        run.assert_exactly_once()


def test_at_the_watermark_publishing_stops_and_settling_continues(run: Run) -> None:
    server = run.world.server.client
    projects = Projects(server)
    with Publisher(run.world.url) as publisher:
        run.publish(publisher)
        publisher.flush(10)
        Pauses(server).pause_project(run.project, "test")
    server.set("foreign", bytes(20_000_000))
    server.config_set("maxmemory", int(server.info("memory")["used_memory"] / 0.9))
    with Publisher(run.world.url, linger_seconds=0.01, max_rows=100, block_seconds=1) as publisher:
        with pytest.raises(BufferFull, match="near its memory limit"):
            run.publish(publisher, 2 * ROWS)
        projects.resume(run.project)
        wait_for(lambda: run.status().imported == run.status().published >= ROWS, "what was published to settle")
        server.delete("foreign")
    server.config_set("maxmemory", 0)
    run.assert_exactly_once()


def test_no_memory_at_all_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server.client
    with publishing(run, tmp_path) as publisher:
        server.config_set("maxmemory", 1)
        with quiet(run.world):
            run.publish(publisher)
            wait_for(lambda: publisher.spooled_rows, "rows on the disk")
            run.world.wait_for_line("when used memory >")
        server.config_set("maxmemory", 0)
        run.assert_exactly_once()


def test_a_disk_that_takes_no_snapshot_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server
    with publishing(run, tmp_path) as publisher:
        snapshot = server.folder / "dump.rdb"
        snapshot.unlink(missing_ok=True)
        (snapshot / "in-the-way").mkdir(parents=True)  # a file cannot replace a folder with something in it
        server.client.config_set("save", "3600 1000000")
        server.client.bgsave()
        wait_for(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] == "err", "a snapshot to fail")
        with quiet(run.world):
            run.publish(publisher)
            wait_for(lambda: publisher.spooled_rows, "rows on the disk")
            run.world.wait_for_line("MISCONF")
        server.client.config_set("save", "")
        run.assert_exactly_once()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of a process that runs")
def test_a_disk_that_is_full_is_waited_for(run: Run, tmp_path: Path) -> None:
    server = run.world.server
    with publishing(run, tmp_path) as publisher:
        server.client.config_set("appendfsync", "everysec")  # with `always` the server ends itself
        server.limit_files(1)
        try:
            # Redis refuses from the first write that failed on; what made it fail was answered.
            wait_for(lambda: server.client.info("persistence")["aof_last_write_status"] == "err", "a write to fail")
            with quiet(run.world):
                run.publish(publisher)
                wait_for(lambda: publisher.spooled_rows, "rows on the disk")
                run.world.wait_for_line("MISCONF")
        finally:
            server.limit_files(resource.RLIM_INFINITY)
        run.assert_exactly_once()


def test_forgotten_scripts_are_given_again(run: Run, tmp_path: Path) -> None:
    with publishing(run, tmp_path) as publisher, quiet(run.world):
        for _ in range(10):
            run.world.server.client.script_flush()
            run.publish(publisher, 50)
            publisher.flush(10)
        run.assert_exactly_once()


def test_answers_that_take_longer_than_a_lease_have_no_second_effect(run: Run, tmp_path: Path) -> None:
    """Whoever takes a chunk has lost it when it hears of it; and the publisher gives up before it is answered."""
    with publishing(run, tmp_path) as publisher:
        run.world.forwarder.delay = 1.2
        with quiet(run.world):
            run.publish(publisher)
            wait_for(lambda: publisher.spooled_rows, "rows on the disk")
            wait_for(lambda: run.status().published > ROWS, "rows to be taken whose answer nobody heard")
        run.world.forwarder.delay = 0.0
        run.assert_exactly_once()
