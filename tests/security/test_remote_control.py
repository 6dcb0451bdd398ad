"""Whoever can write to the broker can make a worker look for work, and nothing else."""

from pathlib import Path

import psutil
import pytest
import redis

from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.app import create_app
from prelabel_worker.settings import load_settings
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

COMMANDS = [
    ("ping", {}),
    ("shutdown", {}),
    ("pool_grow", {"n": 1}),
    ("cancel_consumer", {"queue": "prelabel"}),
    ("add_consumer", {"queue": "another"}),
    ("revoke", {"task_id": "x", "terminate": True}),
    ("enable_events", {}),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()


def test_a_worker_obeys_no_command_of_celery_s_remote_control(
    tmp_path: Path, redis_url: str, client: "redis.Redis", prefix: str, sandbox: SandboxProcess
) -> None:
    control = create_app(load_settings(redis_url=redis_url, key_prefix=prefix)).control
    told = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    with running_worker(tmp_path, told, "--concurrency", "2") as worker:
        process = psutil.Process(worker.pid)
        wait_for(lambda: len(Inspector(client, prefix).workers()) == 1, "the worker to tick")
        wait_for(lambda: len(process.children()) == 2, "its pool to be there")

        answers = [control.broadcast(name, arguments=given, reply=True, timeout=0.5) for name, given in COMMANDS]

        assert answers == [[] for _ in COMMANDS]
        assert len(process.children()) == 2
        assert worker.poll() is None
        channels = [each for each in client.pubsub_channels() if prefix.encode() in each]
        assert channels == [], "a worker that listens on no channel cannot be spoken to"
