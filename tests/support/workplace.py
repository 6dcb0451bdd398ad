"""A sandbox process, an account's request budget in Redis, and the setup commands that use both."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
from typer.testing import CliRunner, Result

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.cli.main import app
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.setup.adding import Adding
from prelabel_worker.setup.adding_state import AddingState, StateFile
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.new_rows import NoRow, RowReader
from prelabel_worker.setup.tasks import Task
from tests.support.sandbox.process import SandboxProcess, data_of

COMMAND = [sys.executable, "-m", "prelabel_worker.cli"]


T = TypeVar("T")


class Workplace:
    """Sets up data rows, projects and batches in the sandbox, in this process or with the real command."""

    def __init__(self, sandbox: SandboxProcess, client: "redis.Redis", redis_url: str, prefix: str) -> None:
        self.sandbox = sandbox
        self.environment = {
            "PRELABEL_LABELBOX_ENDPOINT": f"{sandbox.url}/graphql",
            "PRELABEL_LABELBOX_API_KEY": "a-key",
            "PRELABEL_REDIS_URL": redis_url,
            "PRELABEL_KEY_PREFIX": prefix,
        }
        self.stop = threading.Event()
        self.told: list[str] = []
        self.tasks: list[str] = []
        self.client = client
        self.prefix = prefix
        permits = Permits(client, prefix, "default", 100_000, 5000)
        self.labelbox = Labelbox(f"{sandbox.url}/graphql", "a-key", 2)
        self.calls = Calls(self.labelbox, Pacer(permits), stop=self.stop, tell=self.told.append, patience_seconds=20)
        self._unlucky = _Unlucky(self, Pacer(permits))

    def fault(self, name: str, **options: Any) -> None:
        self.sandbox.control("POST", "/faults", {"fault": name, **options})

    def lose_the_answer_to_what_creates(self, **fault: Any) -> None:
        """Make the sandbox execute the next request that creates something, and lose its answer."""
        self.calls = self._unlucky
        self._unlucky.fault = fault

    def asked(self, operation: str) -> int:
        """Return the number of requests of this root field that the sandbox has received."""
        return sum(request.get("operation") == operation for request in self.sandbox.control("GET", "/requests"))

    def dataset(self) -> str:
        answer = data_of(self.sandbox.ask('mutation { createDataset(data: {name: "d"}) { id } }'))
        return str(answer["createDataset"]["id"])

    def row_count(self, dataset: str) -> int:
        query = 'mutation Rename($id: ID!) { updateDataset(where: {id: $id}, data: {name: "d"}) { rowCount } }'
        return int(data_of(self.sandbox.ask(query, id=dataset))["updateDataset"]["rowCount"])

    def add(self, file: Path, dataset: str, folder: Path | None = None) -> tuple[AddingState, list[NoRow]]:
        """Add a file's rows; begin where the last call ended."""
        state_file = StateFile(file, dataset)
        state = state_file.load()
        failed: list[NoRow] = []
        state.dataset_id = dataset
        adding = Adding(
            self.calls, state_file, task_seconds=20, failed=failed.append, show=lambda _, task: self._record(task)
        )
        with file.open("rb") as stream:
            return adding.run(stream, RowReader(folder), state, lambda: 0), failed

    def _record(self, task: Task | None) -> None:
        if task is not None and task.id not in self.tasks:
            self.tasks.append(task.id)

    def made(self) -> dict[str, str]:
        """Return the row data of the rows that the last task created, by global key."""
        query = (
            "query Made($id: ID!) { successesfulDataRowImports(data: {taskId: $id}) { nodes { globalKey rowData } } }"
        )
        nodes = data_of(self.sandbox.ask(query, id=self.tasks[-1]))["successesfulDataRowImports"]["nodes"]
        return {node["globalKey"]: node["rowData"] for node in nodes}

    def start(self, *args: object, cwd: Path, **environment: str) -> "subprocess.Popen[str]":
        """Start the real command in a process of its own."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        command = [*COMMAND, *map(str, args)]
        return subprocess.Popen(
            command, cwd=cwd, env=clean | self.environment | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def invoke(self, *args: object, **environment: str) -> Result:
        """Run the command in this process, which is faster; errors that `main` would report are raised."""
        runner = CliRunner(env=self.environment | environment)
        return runner.invoke(app, [str(arg) for arg in args], catch_exceptions=False)

    def run(self, *args: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*args, cwd=cwd, **environment)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class _Unlucky(Calls):
    """Calls whose fault hits the next request that creates something, not the queries around it."""

    def __init__(self, place: Workplace, pacer: Pacer) -> None:
        super().__init__(place.labelbox, pacer, patience_seconds=20)
        self._place = place
        self.fault: dict[str, Any] | None = None

    def create(self, query: str, variables: dict[str, Any], kind: type[T], *, batches: bool = False) -> T:
        if self.fault is not None:
            self._place.fault("accept-then-time-out", operations="all", **self.fault)
            self.fault = None
        return super().create(query, variables, kind, batches=batches)


def written(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def numbered(count: int, prefix: str) -> list[dict[str, str]]:
    """Return `count` rows, each with an address as its row data."""
    return [{"row_data": f"https://cdn.example/{prefix}{at}.jpg", "global_key": f"{prefix}{at}"} for at in range(count)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    started = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0", "--api-key", "a-key")
    yield started
    started.stop()


@pytest.fixture
def place(running: SandboxProcess, client: "redis.Redis", redis_url: str, prefix: str) -> Iterator[Workplace]:
    """Yield a workplace. A module that uses this fixture must import `running` too."""
    running.control("POST", "/settings", {"secondsPerTask": 0.0})
    workplace = Workplace(running, client, redis_url, prefix)
    yield workplace
    workplace.labelbox.close()
    running.control("DELETE", "/faults")
    running.control("POST", "/settings", {"secondsPerTask": 0.0, "secondsUntilProcessed": 0.0})
