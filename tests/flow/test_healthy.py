"""`prelabel healthy` beside a real worker: idle, stuck, continuing, gone."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box
from tests.support.waiting import wait_for

MAX_SILENCE = "3"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Flow]:
    """Yield one worker, as a container has it."""
    with Stack(tmp_path, workers=1, processes=(2,), settings=SETTINGS) as stack:
        client = stack.client()
        flow = Flow(stack, "health", client)
        flow.create()
        yield flow
        client.close()


def healthy(flow: Flow, *options: str, redis_url: str | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "prelabel_worker.cli", "healthy", "--max-silence", MAX_SILENCE, *options]
    environment = os.environ | {"PRELABEL_REDIS_URL": redis_url or flow.stack.file.redis_url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_worker_whose_processes_are_stuck_is_unhealthy_until_they_continue(run: Flow) -> None:
    children = psutil.Process(run.stack.pids()["worker1"]).children()
    assert len(children) == 2
    wait_for(lambda: healthy(run).returncode == 0, "an idle worker to be healthy")

    for child in children:
        child.suspend()
    run.publish(box("k1", project=run.project))
    said: list[str] = []

    def is_stuck() -> bool:  # not for good before it has as many hints in hand as processes
        said[:] = healthy(run).stderr.splitlines()
        return any(f"worker1@{socket.gethostname()} has begun and ended nothing for" in line for line in said)

    wait_for(is_stuck, "the stuck worker to be unhealthy")
    assert len(said) == 1

    for child in children:
        child.resume()
    wait_for(lambda: healthy(run).returncode == 0, "the worker to be healthy again")
    assert run.settled().imported == 1


def test_a_worker_that_takes_no_work_though_it_ticks_is_unhealthy(run: Flow) -> None:
    """This happens if its consumer has lost the broker without noticing."""
    wait_for(lambda: healthy(run).returncode == 0, "an idle worker to be healthy")
    run.client.execute_command("ACL", "SETUSER", "default", "-brpop")  # Celery's consumer alone needs it

    run.publish(box("k1", project=run.project))
    wait_for(lambda: healthy(run).returncode == 1, "the worker without a queue to be unhealthy")
    found = json.loads(healthy(run, "--json").stdout)
    assert not found["healthy"]
    assert "has taken no work for" in found["problems"][0]
    assert found["workers"][0]["busySeconds"] is None

    run.client.execute_command("ACL", "SETUSER", "default", "+brpop")
    wait_for(lambda: healthy(run).returncode == 0, "the worker to be healthy again")


def test_an_idle_worker_stays_healthy_and_a_killed_one_does_not(run: Flow) -> None:
    born = psutil.Process(run.stack.pids()["worker1"]).create_time()
    wait_for(lambda: time.time() - born > float(MAX_SILENCE) + 3, "the worker to be idle for longer than that")
    assert healthy(run).returncode == 0

    run.stack.kill("worker1")
    wait_for(lambda: healthy(run).returncode == 1, "the silence to be noticed")
    assert "has not ticked for" in healthy(run).stderr


def test_without_redis_nothing_is_known_and_the_code_is_another(run: Flow) -> None:
    answer = healthy(run, redis_url="redis://127.0.0.1:1/0")
    assert answer.returncode == 4
    assert len(answer.stderr.splitlines()) == 1
