"""The log of a worker is one JSON object a line, whatever happens to the worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from prelabel import Publisher
from prelabel_worker.queries.status import Inspector
from tests.support.flow import COMMAND, box
from tests.support.redis_server import start_redis
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, worker_command

PASSWORD = "hunter2-of-redis"
API_KEY = "key-of-the-account"
OURS = [*COMMAND, "worker"]
CELERYS = worker_command()


class Site:
    """A Redis with a password that can die and come back, a sandbox, and a worker whose streams are files."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.url = f"unix://:{PASSWORD}@{folder}/redis.sock?db=0"
        self.client = redis.Redis.from_url(self.url)
        self.running = ExitStack()
        self.start_redis()

    def start_redis(self) -> None:
        self.server = start_redis(self.folder, "--save", "", "--appendonly", "yes")
        redis.Redis(unix_socket_path=str(self.folder / "redis.sock")).config_set("requirepass", PASSWORD)

    def kill_redis(self) -> None:
        self.server.kill()
        self.server.wait()

    def worker(self, command: list[str], **settings: str) -> "subprocess.Popen[bytes]":
        """Start a worker, and wait until it takes tasks."""
        own = {"redis_url": self.url, "labelbox_api_key": API_KEY, "account_keys": '{"other": "another-key"}'}
        started = environment(self.sandbox, **own, **settings)
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(command, cwd=self.folder, env=started, stdout=stdout, stderr=stderr)
        self.running.callback(process.wait)
        self.running.callback(process.kill)
        self.wait_for("celery.ready")
        return process

    def lines(self) -> list[str]:
        return [line for name in ("stdout", "stderr") for line in (self.folder / name).read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name; fail at a line that is not an object with an event, a level and a time."""
        parsed = [json.loads(line) for line in self.lines()]
        assert all({"event", "level", "timestamp"} <= event.keys() for event in parsed)
        return [event for event in parsed if event["event"] == name]

    def wait_for(self, event: str, seconds: float = 60) -> dict[str, Any]:
        wait_for(lambda: f'"{event}"' in "\n".join(self.lines()), event, seconds)
        return self.events(event)[-1]

    def publish(self, key: str) -> None:
        with Publisher(self.url) as publisher:
            publisher.publish(box(key, project="p"))

    def imported(self) -> int:
        return Inspector(self.client).status("p").imported


@pytest.fixture
def site(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Site]:
    place = Site(tmp_path, sandbox)
    with place.running:
        yield place
    place.client.close()
    place.kill_redis()


@pytest.mark.parametrize("command", [OURS, CELERYS], ids=["prelabel worker", "celery worker"])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_says_what_it_is_and_how_it_stops(site: Site, command: list[str], processes: str) -> None:
    worker = site.worker([*command, "--concurrency", processes])
    site.publish("a")
    wait_for(lambda: site.imported() == 1, "the row to be imported")

    worker.terminate()

    assert worker.wait(30) == 0
    (started,) = site.events("worker.started")
    assert started["role"] == "all"
    assert started["concurrency"] == int(processes)
    assert started["pool"] == ("thread_pool" if processes == "1" else "prefork")
    assert started["accounts"] == ["default", "other"]
    assert started["endpoint"] == f"{site.sandbox.url}/graphql"
    assert started["requests_per_minute"] == 1200
    assert {"version", "celery", "redis", "broker", "request_burst", "chunk_rows", "key_prefix"} <= started.keys()
    assert site.events("celery.connected")[0]["broker"].endswith("/redis.sock")
    assert site.events("celery.ready")[0]["worker"] == started["worker"]
    (stopping,) = site.events("worker.stopping")
    assert (stopping["signal"], stopping["how"]) == ("SIGTERM", "warm")
    log = "\n".join(site.lines())
    assert not [secret for secret in (PASSWORD, API_KEY, "another-key") if secret in log]


def test_a_role_is_said_at_the_start(site: Site) -> None:
    site.worker([*OURS, "--role", "poll", "--concurrency", "1"])

    assert site.events("worker.started")[0]["role"] == "poll"


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGQUIT), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM)]
)
def test_a_second_signal_is_an_event_too(site: Site, numbers: tuple[int, int], processes: str) -> None:
    worker = site.worker([*CELERYS, "--concurrency", processes])
    site.publish("first")
    wait_for(lambda: site.imported() == 1, "the ontology to be cached by a first import")
    os.kill(site.sandbox.process.pid, signal.SIGSTOP)
    try:
        site.publish("second")
        wait_for(lambda: "submitting" in Inspector(site.client).status("p").chunks, "an upload to be in hand")
        first, second = numbers
        worker.send_signal(first)
        wait_for(lambda: len(site.events("worker.stopping")) == 1, "the first signal")
        worker.send_signal(second)
        wait_for(lambda: len(site.events("worker.stopping")) == 2, "the second signal")
    finally:
        os.kill(site.sandbox.process.pid, signal.SIGCONT)

    worker.wait(30)
    names = [event["signal"] for event in site.events("worker.stopping")]
    assert names == [signal.Signals(number).name for number in numbers]


def test_the_stacks_that_a_signal_asks_for_are_one_event(site: Site) -> None:
    worker = site.worker([*CELERYS, "--concurrency", "1"])

    worker.send_signal(signal.SIGUSR1)

    assert "prelabel-ticker" in site.wait_for("worker.stacks")["stack"]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_broker_that_is_lost_and_comes_back_is_told_in_events(site: Site, processes: str) -> None:
    worker = site.worker([*CELERYS, "--concurrency", processes])

    site.kill_redis()
    lost, failed = site.wait_for("celery.connection_lost"), site.wait_for("celery.not_connected")
    site.start_redis()
    wait_for(lambda: len(site.events("celery.connected")) == 2, "the broker to be connected again")
    site.publish("a")
    wait_for(lambda: site.imported() == 1, "the row to be imported")
    worker.terminate()

    assert worker.wait(30) == 0
    assert lost["error"] == "ConnectionError"
    assert lost["detail"]
    assert failed["broker"].endswith("/redis.sock")
    assert failed["detail"]
    assert "Trying again" in failed["next"]
    site.events("")  # every line is an object


def killed_children(worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(worker.pid).children()
    for child in children:
        child.kill()
    return children


def test_a_pool_process_that_is_killed_is_told_in_an_event(site: Site) -> None:
    worker = site.worker([*CELERYS, "--concurrency", "2"])

    assert len(killed_children(worker)) == 2

    wait_for(lambda: sum("SIGKILL" in line for line in site.lines()) >= 2, "both to be reported")
    site.publish("a")
    wait_for(lambda: site.imported() == 1, "their successors to work")
    worker.terminate()
    assert worker.wait(30) == 0
    site.events("")


CODE = """
import sys, threading, warnings
from prelabel_worker import logs
from prelabel_worker.settings import load_settings
logs.set_up(load_settings(labelbox_api_key="key-of-the-account", log_format="json"))
logs.capture()
warnings.warn("a warning\\nof two lines", stacklevel=1)
def fail(text): raise ValueError(text)
thread = threading.Thread(target=fail, args=("in a thread with key-of-the-account",), name="t-1")
thread.start()
thread.join()
class Unraisable:
    def __del__(self): fail("while it is deleted")
Unraisable()
fail("at the end")
"""


def test_warnings_and_unhandled_errors_are_events() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    warning, *errors = (json.loads(line) for line in done.stderr.splitlines())
    assert (warning["event"], warning["level"]) == ("python.warning", "warning")
    assert (warning["category"], warning["detail"]) == ("UserWarning", "a warning of two lines")
    assert [error["event"] for error in errors] == ["worker.unhandled"] * 3
    texts = [error["exception"].splitlines()[-1] for error in errors]
    assert texts == [
        "ValueError: in a thread with ***",
        "ValueError: while it is deleted",
        "ValueError: at the end",
    ]
    assert errors[0]["thread"] == "t-1"
    assert done.returncode == 1
