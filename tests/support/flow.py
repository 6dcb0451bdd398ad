"""A project in a running stack, and the command in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis

from prelabel import Publisher
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.stack.stack import Stack
from tests.support.waiting import wait_for

COMMAND = [sys.executable, "-m", "prelabel_worker.cli"]


Run = Callable[..., "subprocess.CompletedProcess[str]"]


TOOLS = [
    {"tool": "rectangle", "name": "vessel"},
    {"tool": "rectangle", "name": "car"},
    {"tool": "point", "name": "bollard"},
]


SETTINGS = {
    "PRELABEL_LINGER_SECONDS": "0.2",
    "PRELABEL_POLL_MIN_SECONDS": "0.2",
    "PRELABEL_BACKOFF_MAX_SECONDS": "2",
    "PRELABEL_LEASE_SECONDS": "4",
    "PRELABEL_SERVER_LIMIT_SECONDS": "3",
    "PRELABEL_REQUEST_TIMEOUT_SECONDS": "3",
}


def box(
    key: str, name: str = "vessel", *, project: str, left: int = 2, model: str = "m", **fields: Any
) -> dict[str, Any]:
    """Return a message with one box."""
    annotation = {"name": name, "bbox": {"top": 1, "left": left, "height": 3, "width": 4}}
    return {
        "projectId": project,
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": [annotation],
        **fields,
    }


def run_in(folder: Path, *args: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    return subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@dataclass
class Flow:
    """A project in a running stack."""

    stack: Stack
    project: str
    client: "redis.Redis"

    def create(self, rows: list[str] | str = "any", tools: list[dict[str, Any]] | None = None) -> None:
        body = {"id": self.project, "ontology": {"tools": tools or TOOLS, "classifications": []}, "dataRows": rows}
        self.control("POST", "projects", body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(method, f"{self.stack.file.sandbox_url}/_sandbox/{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer

    def fault(self, name: str, **options: Any) -> None:
        self.control("POST", "faults", {"fault": name, "project": self.project, **options})

    def retry_for(self, hours: float) -> None:
        """Set how long a row is retried whose data row is missing; 0: it becomes a dead letter at once."""
        self.override(retryHours=f"{hours:g}")

    def override(self, **fields: str) -> None:
        Projects(self.client).override(self.project, fields)

    def publish(self, *messages: Any) -> None:
        with Publisher(self.stack.file.redis_url) as publisher:
            for message in messages:
                publisher.publish(message)

    def status(self) -> ProjectStatus:
        return Inspector(self.client).status(self.project)

    def settled(self, seconds: float = 60) -> ProjectStatus:
        """Wait until no row is pending, then assert that the audit balances, as at the end of every flow."""
        wait_for(lambda: self.status().pending == 0, "all rows to be settled", seconds)
        (project_audit,) = [entry for entry in audit(self.client) if entry.project_id == self.project]
        assert project_audit.balances, project_audit.differences
        return self.status()

    def wait_for_state(self, state: str, seconds: float = 60) -> None:
        """Wait until a chunk of the project is in this state."""
        wait_for(lambda: state in self.status().chunks, f"a chunk that is {state}", seconds)

    def pre_labels(self) -> list[dict[str, Any]]:
        """Return the project's pre-labels, as a labeler would see them."""
        text = self.control("GET", f"projects/{self.project}/pre-labels").text
        return [json.loads(line) for line in text.split("\n") if line]

    @property
    def held(self) -> HeldRows:
        return HeldRows(self.client)
