"""A worker with one process: what it does while one of its tasks waits."""

import os
import signal
from pathlib import Path

import redis

from prelabel import Publisher
from prelabel_worker.queries.status import Inspector
from tests.support.flow import TOOLS, box
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker


def test_rows_of_another_project_are_grouped_while_an_upload_waits(
    tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess
) -> None:
    sandbox.project("q", {"tools": TOOLS, "classifications": []})
    inspector = Inspector(client, prefix)
    told = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    with (
        running_worker(tmp_path, told, "--concurrency", "1"),
        Publisher(redis_url, key_prefix=prefix) as publisher,
    ):
        publisher.publish(box("first", project="p"))
        wait_for(lambda: inspector.status("p").imported == 1, "the ontology to be cached by a first import", 60)
        os.kill(sandbox.process.pid, signal.SIGSTOP)
        try:
            publisher.publish(box("second", project="p"))
            wait_for(lambda: "submitting" in inspector.status("p").chunks, "an upload to be in hand", 60)

            publisher.publish(box("third", project="q"))

            wait_for(lambda: inspector.status("q").chunks, "the other project's chunk", 30)  # an upload waits for 60 s
        finally:
            os.kill(sandbox.process.pid, signal.SIGCONT)
        wait_for(lambda: inspector.status("q").imported == 1, "the other project's import", 60)
