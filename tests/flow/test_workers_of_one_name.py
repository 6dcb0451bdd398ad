"""Several workers with one name on one host: each is counted, and each is asked for its own state."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel_worker.presence import full_name, living
from tests.support.flow import COMMAND, run_in
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def place(tmp_path: Path, redis_url: str, prefix: str, sandbox: SandboxProcess) -> dict[str, str]:
    """Return the environment of workers and commands."""
    return environment(sandbox, redis_url=redis_url, key_prefix=prefix)


@pytest.fixture
def start(tmp_path: Path, place: dict[str, str]) -> Iterator[Start]:
    """Yield a function that starts `prelabel worker` with these options and environment variables."""
    with ExitStack() as running:

        def started(*options: str, **variables: str) -> "subprocess.Popen[bytes]":
            log = running.enter_context((tmp_path / f"{len(list(tmp_path.iterdir()))}.log").open("wb"))
            command = [*COMMAND, "worker", "--concurrency", "1", *options]
            worker = subprocess.Popen(command, cwd=tmp_path, env=place | variables, stdout=log, stderr=log)
            running.callback(worker.wait)
            running.callback(worker.kill)
            return worker

        yield started


@pytest.fixture
def run(tmp_path: Path, place: dict[str, str]) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs a command beside the workers."""
    return lambda *args: run_in(tmp_path, *args, **{name: value for name, value in place.items() if "PRELABEL" in name})


@pytest.fixture
def alive(client: "redis.Redis", prefix: str) -> Callable[[], int]:
    """Return a function that counts the living workers."""
    return lambda: len(living(client, prefix))


def test_two_workers_of_one_name_are_two_in_every_view(start: Start, run: Any, alive: Any) -> None:
    submit, poll = start("--role", "submit"), start("--role", "poll")
    wait_for(lambda: alive() == 2, "both workers to tick", 60)

    shown = run("status").stdout.splitlines()[-1]
    workers = json.loads(run("status", "--json").stdout)["workers"]
    metrics = run("metrics", "--once").stdout

    name = full_name("worker")
    labels = {f"{name} pid {worker.pid}" for worker in (submit, poll)}
    assert shown.startswith("2 workers: ")
    assert all(label in shown for label in labels)
    assert [worker["name"] for worker in workers] == [name, name]
    assert {worker["pid"] for worker in workers} == {submit.pid, poll.pid}
    assert len({worker["identity"] for worker in workers}) == 2
    assert all("ok   2 workers alive" in line for line in run("doctor").stdout.splitlines() if "alive" in line)
    assert "every role has a worker" in run("doctor").stdout
    assert len(re.findall(rf'prelabel_worker_stalled_seconds{{identity="\w+",worker="{name}"}}', metrics)) == 2
    assert 'prelabel_workers{role="poll"} 1.0' in metrics
    assert 'prelabel_workers{role="submit"} 1.0' in metrics


def test_a_worker_that_ends_leaves_the_other_of_its_name(start: Start, run: Any, alive: Any) -> None:
    first, second = start(), start()
    wait_for(lambda: alive() == 2, "both workers to tick", 60)

    first.terminate()
    assert first.wait(30) == 0

    (worker,) = json.loads(run("status", "--json").stdout)["workers"]
    assert worker["pid"] == second.pid
    assert run("healthy").returncode == 0


def test_a_worker_that_does_not_tick_is_not_hidden_by_another_of_its_name(start: Start, run: Any, alive: Any) -> None:
    stopped, _ = start(), start()
    wait_for(lambda: alive() == 2, "both workers to tick", 60)
    assert run("healthy").returncode == 0

    os.kill(stopped.pid, signal.SIGSTOP)
    wait_for(lambda: run("healthy", "--max-silence", "3").returncode == 1, "the silence to be noticed", 30)

    assert f"{full_name('worker')} pid {stopped.pid} has not ticked" in run("healthy", "--max-silence", "3").stderr


def test_healthy_asks_only_workers_of_the_name(start: Start, run: Any, alive: Any) -> None:
    start("--name", "a")
    other = start("--name", "b@%h")
    wait_for(lambda: alive() == 2, "both workers to tick", 60)
    other.kill()
    other.wait()

    assert run("healthy", "--name", "a").returncode == 0
    assert run("healthy", "--name", "a@%h").returncode == 0
    assert run("healthy", "--name", "nobody").returncode == 1
    assert f"its process {other.pid} has ended" in run("healthy", "--name", "b").stderr
    assert f"its process {other.pid} has ended" in run("healthy").stderr


def test_a_killed_worker_is_forgotten_by_healthy_when_another_of_its_name_follows(
    start: Start, run: Any, alive: Any
) -> None:
    killed = start()
    wait_for(lambda: alive() == 1, "the worker to tick", 60)
    killed.kill()
    killed.wait()
    assert run("healthy").returncode == 1

    start()
    wait_for(lambda: alive() == 2, "the next worker to tick", 60)

    assert run("healthy").returncode == 0


def test_a_worker_whose_clock_is_behind_counts_as_alive(tmp_path: Path, start: Start, run: Any, alive: Any) -> None:
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "sitecustomize.py").write_text(
        "import time\nright = time.time\ntime.time = lambda: right() - 90\n"
    )
    start(PYTHONPATH=str(tmp_path / "late"))
    wait_for(lambda: alive() == 1, "the worker to count as alive", 60)

    (worker,) = json.loads(run("status", "--json").stdout)["workers"]
    assert worker["seenSecondsAgo"] < 15
    assert run("healthy").returncode == 0
