"""Signals and closed streams, as terminals, `nohup` and supervisors use them: nothing ends otherwise than warmly."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import psutil
import pytest
import redis

from prelabel import Publisher
from prelabel_worker.presence import living
from prelabel_worker.queries.status import Inspector
from tests.support.flow import COMMAND, box
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment

Process = "subprocess.Popen[bytes]"
WORKER = [*COMMAND, "worker", "--concurrency", "1"]


@pytest.fixture(autouse=True)
def hangups_have_their_default() -> Iterator[None]:
    """Under `nohup`, the processes of these tests would ignore the signal from the beginning."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class Site:
    """A worker in a session of its own, as one that a terminal started, its Redis and its sandbox."""

    def __init__(
        self, folder: Path, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess
    ) -> None:
        self.folder, self.client, self.prefix, self.sandbox = folder, client, prefix, sandbox
        self.redis_url = redis_url
        self.environment = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
        self.running = ExitStack()

    def start(self, command: list[str]) -> Process:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.running.callback(process.wait)
        self.running.callback(process.kill)
        return process

    def worker(self, command: list[str] | None = None) -> Process:
        """Start a worker, and wait until it ticks."""
        worker = self.start(command or WORKER)
        wait_for(lambda: len(living(self.client, self.prefix)) == 1, "the worker to tick", 60)
        wait_for(lambda: '"celery.ready"' in self.log(), "the worker to be ready", 60)
        return worker

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def publish(self, key: str) -> None:
        with Publisher(self.redis_url, key_prefix=self.prefix) as publisher:
            publisher.publish(box(key, project="p"))

    def imported(self) -> int:
        return Inspector(self.client, self.prefix).status("p").imported

    def states(self) -> dict[str, int]:
        return Inspector(self.client, self.prefix).status("p").chunks


@pytest.fixture
def site(tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess) -> Iterator[Site]:
    place = Site(tmp_path, client, redis_url, prefix, sandbox)
    with place.running:
        yield place


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the worker", "to its processes, as by a terminal"])
@pytest.mark.parametrize("number", [signal.SIGHUP], ids=lambda number: number.name)
def test_a_hangup_stops_a_worker_warmly(site: Site, number: int, send: Callable[[int, int], None]) -> None:
    worker = site.worker()
    site.publish("first")
    wait_for(lambda: site.imported() == 1, "the ontology to be cached by a first import", 60)
    os.kill(site.sandbox.process.pid, signal.SIGSTOP)
    try:
        site.publish("second")
        wait_for(lambda: "submitting" in site.states(), "an upload to be in hand", 60)
        send(worker.pid, number)
        wait_for(lambda: '"worker.stopping"' in site.log(), "the worker to stop", 30)
    finally:
        os.kill(site.sandbox.process.pid, signal.SIGCONT)

    assert worker.wait(30) == 0
    assert site.log().count('"import.submitted"') == 2
    assert "Error" not in site.log()
    assert living(site.client, site.prefix) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_that_is_told_to_quit_does_not_wait_for_its_tasks(site: Site, processes: int) -> None:
    worker = site.worker([*WORKER[:-1], str(processes)])
    site.publish("first")
    wait_for(lambda: site.imported() == 1, "the ontology to be cached by a first import", 60)
    os.kill(site.sandbox.process.pid, signal.SIGSTOP)
    try:
        site.publish("second")
        wait_for(lambda: "submitting" in site.states(), "an upload to be in hand", 60)

        worker.send_signal(signal.SIGQUIT)

        worker.wait(30)  # an upload would wait for 60 s
    finally:
        os.kill(site.sandbox.process.pid, signal.SIGCONT)
    assert site.log().count('"import.submitted"') == 1
    assert "Traceback" not in site.log()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_under_nohup_survives_a_hangup(site: Site, processes: int) -> None:
    worker = site.worker(["nohup", *WORKER[:-1], str(processes)])
    children = psutil.Process(worker.pid).children()

    os.killpg(worker.pid, signal.SIGHUP)
    site.publish("a")

    wait_for(lambda: site.imported() == 1, "the worker to work on", 60)
    assert all(child.is_running() for child in children)
    worker.terminate()
    assert worker.wait(30) == 0


def test_a_worker_works_on_after_each_signal_that_asks_for_nothing(site: Site) -> None:
    worker = site.worker()

    for rows, number in enumerate((signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE), 1):
        worker.send_signal(number)
        site.publish(number.name)
        wait_for(lambda rows=rows: site.imported() == rows, f"the worker to work on after {number.name}", 60)

    worker.terminate()
    assert worker.wait(30) == 0


def test_a_worker_without_standard_streams_works(site: Site) -> None:
    worker = site.start(["sh", "-c", f"exec {' '.join(WORKER)} <&- >&- 2>&-"])
    wait_for(lambda: len(living(site.client, site.prefix)) == 1, "the worker to tick", 60)

    site.publish("a")

    wait_for(lambda: site.imported() == 1, "the row to be imported", 60)
    worker.terminate()
    assert worker.wait(30) == 0


def test_a_worker_whose_log_nobody_reads_any_more_works_and_stops_warmly(site: Site) -> None:
    reading, writing = os.pipe()
    worker = subprocess.Popen(WORKER, cwd=site.folder, env=site.environment, stdout=writing, stderr=writing)
    site.running.callback(worker.wait)
    site.running.callback(worker.kill)
    os.close(writing)
    wait_for(lambda: len(living(site.client, site.prefix)) == 1, "the worker to tick", 60)
    os.close(reading)

    site.publish("a")

    wait_for(lambda: site.imported() == 1, "the row to be imported", 60)
    worker.terminate()
    assert worker.wait(30) == 0


def test_a_hangup_stops_the_embedded_stack_with_all_its_parts(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    command = [*COMMAND, "up", "--workers", "1"]
    up = subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=subprocess.PIPE, text=True)
    try:
        assert up.stdout is not None
        assert "are running" in up.stdout.readline()
        parts = psutil.Process(up.pid).children(recursive=True)

        up.send_signal(signal.SIGHUP)

        assert up.wait(60) == 0
        assert not [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]
        assert not (tmp_path / ".prelabel" / "stack.json").exists()
    finally:
        up.kill()
        up.wait()
        up.stdout.close()


def test_a_hangup_stops_the_sandbox_as_sigterm_does() -> None:
    codes = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        process = SandboxProcess(":memory:")
        process.stop(number)
        codes.append(process.process.returncode)

    assert codes == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_publish_flushes_what_it_has_read_when_a_signal_ends_it(site: Site, number: int) -> None:
    publish = subprocess.Popen([*COMMAND, "publish", "-"], cwd=site.folder, env=site.environment, stdin=subprocess.PIPE)
    try:
        assert publish.stdin is not None
        publish.stdin.write(b"".join(orjson.dumps(box(f"k{n}", project="p")) + b"\n" for n in range(500)))
        publish.stdin.flush()
        wait_for(lambda: Inspector(site.client, site.prefix).status("p").published, "the first rows to be there", 60)
        publish.send_signal(number)

        # A process that the signal itself had ended could not have flushed.
        assert publish.wait(60) == 128 + number
    finally:
        publish.kill()
        publish.wait()
        publish.stdin.close()
