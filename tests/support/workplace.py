"""A sandbox process, an account's budget in Redis, and the requests of a person in between."""

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
    """What a test sets up in the sandbox, in this process or by the real command."""

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
        """Once: the next request that makes something is executed, and its answer is lost."""
        self.calls = self._unlucky
        self._unlucky.fault = fault

    def asked(self, operation: str) -> int:
        """How many requests of this root field the sandbox has seen."""
        return sum(each.get("operation") == operation for each in self.sandbox.control("GET", "/requests"))

    def dataset(self) -> str:
        made = data_of(self.sandbox.ask('mutation { createDataset(data: {name: "d"}) { id } }'))
        return str(made["createDataset"]["id"])

    def row_count(self, dataset: str) -> int:
        query = 'mutation Rename($id: ID!) { updateDataset(where: {id: $id}, data: {name: "d"}) { rowCount } }'
        return int(data_of(self.sandbox.ask(query, id=dataset))["updateDataset"]["rowCount"])

    def add(self, file: Path, dataset: str, folder: Path | None = None) -> tuple[AddingState, list[NoRow]]:
        """Add a file's rows, from where the last call ended."""
        state_file = StateFile(file, dataset)
        state = state_file.load()
        failed: list[NoRow] = []
        state.dataset_id = dataset
        adding = Adding(
            self.calls, state_file, task_seconds=20, failed=failed.append, show=lambda _, task: self._saw(task)
        )
        with file.open("rb") as stream:
            return adding.run(stream, RowReader(folder), state, lambda: 0), failed

    def _saw(self, task: Task | None) -> None:
        if task is not None and task.id not in self.tasks:
            self.tasks.append(task.id)

    def made(self) -> dict[str, str]:
        """What Labelbox knows of the rows that the last task made: row data by global key."""
        query = (
            "query Made($id: ID!) { successesfulDataRowImports(data: {taskId: $id}) { nodes { globalKey rowData } } }"
        )
        nodes = data_of(self.sandbox.ask(query, id=self.tasks[-1]))["successesfulDataRowImports"]["nodes"]
        return {each["globalKey"]: each["rowData"] for each in nodes}

    def start(self, *args: object, cwd: Path, **environment: str) -> "subprocess.Popen[str]":
        """The real command."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
        command = [*COMMAND, *map(str, args)]
        return subprocess.Popen(
            command, cwd=cwd, env=clean | self.environment | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def invoke(self, *args: object, **environment: str) -> Result:
        """The same in this process, which is faster; errors that end the command in `main` are raised."""
        runner = CliRunner(env=self.environment | environment)
        return runner.invoke(app, [str(each) for each in args], catch_exceptions=False)

    def run(self, *args: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*args, cwd=cwd, **environment)
        printed, said = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, printed, said)


class _Unlucky(Calls):
    """A fault happens just before something is made, not one of the questions around it."""

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
    """So many rows, each at an address."""
    return [{"row_data": f"https://cdn.example/{prefix}{at}.jpg", "global_key": f"{prefix}{at}"} for at in range(count)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    started = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0", "--api-key", "a-key")
    yield started
    started.stop()


@pytest.fixture
def place(running: SandboxProcess, client: "redis.Redis", redis_url: str, prefix: str) -> Iterator[Workplace]:
    """A module that uses it imports `running` too."""
    running.control("POST", "/settings", {"secondsPerTask": 0.0})
    made = Workplace(running, client, redis_url, prefix)
    yield made
    made.labelbox.close()
    running.control("DELETE", "/faults")
    running.control("POST", "/settings", {"secondsPerTask": 0.0, "secondsUntilProcessed": 0.0})
