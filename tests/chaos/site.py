"""The processes of a run, and every way to break one of them and to repair it."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Self

from prelabel_worker.stack.stack import Stack
from tests.chaos.journal import Journal, Went
from tests.chaos.parts import Parts
from tests.chaos.plan import DEADLINE_SECONDS
from tests.chaos.workload import LISTED, PROJECTS, Workload

# Short limits, so that a minute holds many faults; the lease and the tick are the product's own.
_SETTINGS = {
    "PRELABEL_CHUNK_ROWS": "2000",
    "PRELABEL_LINGER_SECONDS": "0.5",
    "PRELABEL_POLL_MIN_SECONDS": "0.2",
    "PRELABEL_POLL_MAX_SECONDS": "2",
    "PRELABEL_BACKOFF_BASE_SECONDS": "0.5",
    "PRELABEL_BACKOFF_MAX_SECONDS": "3",
    "PRELABEL_REQUEST_TIMEOUT_SECONDS": "4",
    "PRELABEL_IMPORT_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
}
_PROCESSES = (1, 2)  # of the workers, in turn: one runs tasks in threads, the other in pool children
_DUPLICATE_NAMES = ("refuse", "newest", "oldest")


class Site(Parts):
    """A stack with several workers, and producers. One thread, the main one, starts and breaks everything."""

    def __init__(self, folder: Path, workload: Workload, *, workers: int, rate: float) -> None:
        stack = Stack(folder / ".prelabel", workers=workers, processes=_PROCESSES, settings=_SETTINGS)
        super().__init__(stack)
        self.workload = workload
        self.folder = folder
        self.workers = [f"worker{number}" for number in range(1, workers + 1)]
        self.with_children = self.workers[1::2]
        self._rate = rate / workload.producers
        self._orphaned: set[str] = set()
        self._sandbox_starts = 0

    def __enter__(self) -> Self:
        super().__enter__()
        for project in PROJECTS:
            rows = self.workload.listed() if project == LISTED else "any"
            tools = [{"tool": "rectangle", "name": "vessel"}]
            self.control("POST", "projects", {"id": project, "ontology": {"tools": tools}, "dataRows": rows})
        self._set_up_sandbox()
        self._since = time.time()
        for number in range(self.workload.producers):
            self.start(f"producer{number}")
        return self

    def is_other(self, name: str) -> bool:
        """Return whether this is a producer."""
        return name.startswith("producer")

    def start_other(self, name: str) -> None:
        """Start a producer."""
        number = name.removeprefix("producer")
        command = [sys.executable, "-m", "tests.chaos.producer", "--number", number]
        command += ["--folder", str(self.folder), "--since", str(self._since), "--rate", str(self._rate)]
        for option in ("seed", "rows", "producers"):
            command += [f"--{option}", str(getattr(self.workload, option))]
        environment = {**os.environ, "PRELABEL_REDIS_URL": self.stack.file.redis_url}
        self._others.start(name, command, environment=environment, folder=Path.cwd())

    def producers(self) -> list[str]:
        """Return the producers that have not finished their work."""
        names = [f"producer{number}" for number in range(self.workload.producers)]
        return [name for name in names if not self._is_done(name)]

    def supervise(self) -> None:
        """Start workers again that ended because their first pool child was killed before it was up: so Celery does.

        Raises RuntimeError when another part has ended that nobody killed.
        """
        ended = self.stack.ended() or self._others.dead()
        if ended in self._orphaned:
            self.kill(ended)
            self.start(ended)
        elif ended is not None and not (ended.startswith("producer") and self._is_done(ended)):
            raise RuntimeError(f"{ended} ended by itself, see {self.stack.logs}")

    def _is_done(self, producer: str) -> bool:
        return self.workload.batches - 1 in self.went(producer).confirmed

    def went(self, name: str) -> Went:
        """Return the journal of a producer."""
        return Journal(self.folder / f"{name}.journal").read()

    def catch(self, producer: str, *, confirmed: bool) -> None:
        """Wait, at most half a second, until a batch has just been begun, or `confirmed`."""
        before, ends = self.went(producer).begun, time.monotonic() + 0.5
        while time.monotonic() < ends:
            went = self.went(producer)
            if went.begun > before and (went.begun - 1 in went.confirmed) == confirmed:
                return

    def kill_child(self, name: str) -> None:
        """SIGKILL the pool children that are frozen; their worker continues."""
        self._signal(self._stopped.pop(name), signal.SIGKILL)
        self._orphaned.add(name)

    def start(self, name: str) -> None:
        """Start a part that was killed, as a supervisor would."""
        super().start(name)
        if name == "sandbox":
            self._set_up_sandbox()
        self._orphaned.discard(name)

    def fault(self, options: dict[str, Any]) -> None:
        """Switch a fault of the sandbox on."""
        self.control("POST", "faults", options)

    def no_faults(self) -> None:
        """Start and resume all parts, and clear the sandbox's faults."""
        self.repair()
        self.control("DELETE", "faults")

    def _set_up_sandbox(self) -> None:
        """What it does with an import's name that exists is not known of the real service: each way in turn."""
        mode = _DUPLICATE_NAMES[(self.workload.seed + self._sandbox_starts) % len(_DUPLICATE_NAMES)]
        self._sandbox_starts += 1
        self.control("POST", "settings", {"duplicateNames": mode})
