"""The stages of a worker, called one after the other in this process, with a real Redis and a real sandbox.

The times in the settings are short, so that a wait of minutes in production takes a moment here. A test skips any other
wait with `pass_time`.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson
import redis
from structlog.testing import capture_logs
from structlog.typing import EventDict

from prelabel.publishing.buffer import Row
from prelabel.wire import keys
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.timers import Timers
from prelabel_worker.settings import load_settings
from prelabel_worker.stages.context import StageContext
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit
from tests.support.project import Project
from tests.support.sandbox.process import SandboxProcess

SHORT: dict[str, object] = {
    "lease_seconds": 1,
    "server_limit_seconds": 0.2,
    "request_timeout_seconds": 0.4,
    "poll_min_seconds": 0.01,
    "poll_max_seconds": 0.02,
    "backoff_base_seconds": 0.01,
    "backoff_max_seconds": 0.02,
    "requests_per_minute": 100_000,
    "request_burst": 50_000,
    "labelbox_api_key": "a-key",
}
TOOLS = {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}


def car(project: str, key: str, left: int = 1) -> Row:
    """Return a row of a message with one box."""
    annotation = {"name": "car", "bbox": {"top": 1, "left": left, "height": 3, "width": 4}}
    body = {"projectId": project, "dataRow": {"globalKey": key}, "annotations": [annotation]}
    return Row(f"k:{key}", orjson.dumps(body), 0)


class Rig:
    """One project, and a worker that works only when a test calls `step`, `run` or `settle`."""

    def __init__(
        self, client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess, **settings: object
    ) -> None:
        chosen = {"redis_url": redis_url, "key_prefix": prefix, "linger_seconds": 0, **SHORT}
        chosen |= {"labelbox_endpoint": f"{sandbox.url}/graphql", **settings}
        self.client = client
        self.sandbox = sandbox
        self.project = Project(client, load_settings(**chosen), f"c{secrets.token_hex(12)}")
        self.settings = self.project.settings
        self._hints: deque[tuple[str, str, str]] = deque()
        self.context = self._connected(self.settings.labelbox_endpoint)
        self._timers = Timers(client, prefix, self.settings.lease_seconds)
        self.logs: list[EventDict] = []
        sandbox.project(self.project.id, TOOLS)

    def connect(self, endpoint: str) -> None:
        """Use this endpoint from now on."""
        self.close()
        self.context = self._connected(endpoint)

    def _connected(self, endpoint: str) -> StageContext:
        settings = self.settings.model_copy(update={"labelbox_endpoint": endpoint})
        return Runtime(settings, lambda *hint: self._hints.append(hint)).context()

    def close(self) -> None:
        self.context.account("").labelbox.close()

    def publish(self, *row_keys: str) -> None:
        self.project.publish(*(car(self.project.id, key) for key in row_keys))

    def warm(self) -> None:
        """Import a row, so that the ontology is cached and the next fault hits an import, not its look-up."""
        self.publish("warm")
        self.settle()
        self.logs.clear()

    def fault(self, name: str, **options: Any) -> None:
        self.sandbox.control("POST", "/faults", {"fault": name, "project": self.project.id, **options})

    def fix(self) -> None:
        """Clear all faults, and end pauses and waits."""
        self.sandbox.control("DELETE", "/faults")
        self.pass_time()

    def pass_time(self) -> None:
        """Make everything that waits due now, and end pauses; leases continue."""
        root = self.project.root
        self.client.hdel(f"{root}:meta", "pausedUntil", "pauseReason")
        self._accounts.resume(self.settings.account)
        for name in self.chunks():
            self.client.hset(f"{root}:chunk:{name}", mapping={"due": 1, "permitMs": 0})
        timers = [name for name in self.client.zrange(f"{root}:timers", 0, -1) if name != b"expire"]
        if timers:
            self.client.zadd(f"{root}:timers", dict.fromkeys(timers, 1))
        self._look()

    def age(self, seconds: float) -> None:
        """Move the start of every running import back by `seconds`."""
        for name in self.chunks():
            self.client.hincrby(f"{self.project.root}:chunk:{name}", "runningMs", -int(seconds * 1000))

    def chunks(self) -> list[str]:
        return [name.decode() for name in self.client.zrange(f"{self.project.root}:chunks", 0, -1)]

    def fields(self) -> dict[str, str]:
        """Return the fields of the only chunk."""
        (name,) = self.chunks()
        fields = self.client.hgetall(f"{self.project.root}:chunk:{name}")
        return {field.decode(): value.decode() for field, value in fields.items()}

    def change(self, **fields: str | int) -> None:
        """Change fields of the only chunk."""
        (name,) = self.chunks()
        self.client.hset(f"{self.project.root}:chunk:{name}", mapping=fields)

    def runs(self) -> bool:
        """Return whether there is a chunk and its import runs; there must be at most one chunk."""
        return bool(self.chunks()) and self.fields()["state"] == "running"

    def step(self) -> bool:
        """Do the next hint or else all that is due, and return whether there was anything to do."""
        with capture_logs() as logs:
            if self._hints:
                self._do(*self._hints.popleft())
                done = True
            else:
                due, _ = self._timers.due(50)
                for task in due:
                    self._do(task.stage, task.project_id, task.chunk_id)
                done = bool(due)
        self.logs += logs
        return done

    def run(self, until: Any, what: str, seconds: float = 60) -> None:
        """Work until `until()` is true; `what` names that in the failure."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"waited for {what}: {self.status()} {self.logs[-5:]}"
            if not self.step():
                self._look()
                time.sleep(0.005)

    def settle(self) -> ProjectStatus:
        """Work until no row is pending, then assert that the audit balances."""
        self.run(lambda: self.status().pending == 0, "all rows to be settled")
        return self.project.status()

    def status(self) -> ProjectStatus:
        return Inspector(self.client, self.settings.key_prefix).status(self.project.id)

    def events(self, name: str) -> list[EventDict]:
        return [entry for entry in self.logs if entry["event"] == name]

    def decisions(self) -> list[tuple[str, str]]:
        """Return (class of the error, outcome) of every request that failed."""
        return [(entry["error"], entry["outcome"]) for entry in self.logs if "outcome" in entry]

    def creates(self) -> int:
        """Return the number of the project's uploads that reached the sandbox."""
        requests = self.sandbox.control("GET", "/requests")
        create = "createModelAssistedLabelingPredictionImport"
        return sum(request["operation"] == create and request["projectId"] == self.project.id for request in requests)

    def pre_labels(self) -> list[str]:
        """Return the global key of the data row of every pre-label that a labeler would see, sorted."""
        return sorted(line["dataRow"]["globalKey"] for line in self.sandbox.pre_labels(self.project.id))

    def dead_letter(self) -> DeadLetter:
        """Return the only dead letter."""
        (dead_letter,) = self.project.held.dead_letters(self.project.id)
        return dead_letter

    def account_paused(self) -> bool:
        return bool(self._accounts.stops(self.settings.account))

    def project_paused(self) -> bool:
        until = self.client.hget(f"{self.project.root}:meta", "pausedUntil")
        return bool(until) and float(until) / 1000 > time.time()

    @property
    def _accounts(self) -> Accounts:
        return Accounts(self.client, self.settings)

    def _look(self) -> None:
        self.client.zadd(keys.projects(self.settings.key_prefix), {self.project.id: 0})

    def _do(self, stage: str, project_id: str, chunk_id: str) -> None:
        if stage == "poll":
            poll(self.context, [(project_id, chunk_id)])
        elif stage == "submit":
            submit(self.context, project_id, chunk_id)
        elif stage == "settle":
            settle(self.context, project_id, chunk_id)
        elif stage == "group":
            group(self.context, project_id)
        elif stage == "retry":
            retry_due(self.context, project_id)


MakeRig = Callable[..., Rig]
