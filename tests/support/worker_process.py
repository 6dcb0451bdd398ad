"""A worker in a process of its own, without the embedded stack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.sandbox.process import SandboxProcess

QUICK = {
    "PRELABEL_LINGER_SECONDS": "0.1",
    "PRELABEL_POLL_MIN_SECONDS": "0.2",
    "PRELABEL_BACKOFF_MAX_SECONDS": "1",
    "PRELABEL_LOG_FORMAT": "json",
}


def environment(sandbox: SandboxProcess, **settings: str) -> dict[str, str]:
    """Return the environment of a worker that imports into this sandbox.

    `settings` are further settings, by their names in lower case and without the prefix.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    labelbox = {"PRELABEL_LABELBOX_ENDPOINT": f"{sandbox.url}/graphql", "PRELABEL_LABELBOX_API_KEY": "a-key"}
    return clean | QUICK | labelbox | {f"PRELABEL_{name.upper()}": value for name, value in settings.items()}


def worker_command(*options: str) -> list[str]:
    """Return Celery's command that starts a worker."""
    return [sys.executable, "-m", "celery", "-A", "prelabel_worker", "worker", *options]


@contextmanager
def running_worker(folder: Path, environment: dict[str, str], *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker whose output goes to `<folder>/worker.log`; assert that it ends after a SIGTERM.

    It is started as `prelabel worker` and the stack start one. Loading the other commands of Celery as well would cost
    every start a sixth more.
    """
    command = [sys.executable, "-m", "prelabel_worker.runtime", *options]
    with (folder / "worker.log").open("ab") as log:
        worker = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield worker
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()
