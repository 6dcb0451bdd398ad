"""One local Labelbox: its state, and the threads and helpers that work on it."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from prelabel_sandbox.faults.active import ActiveFaults
from prelabel_sandbox.jobs.fetcher import Fetcher
from prelabel_sandbox.jobs.import_runner import Processor
from prelabel_sandbox.jobs.task_runner import TaskRunner
from prelabel_sandbox.rate_limit import RateLimit
from prelabel_sandbox.requestlog import RequestLog
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store

_log = logging.getLogger(__name__)


@dataclass
class Sandbox:
    """One local Labelbox."""

    #: Folder of its state.
    folder: Path
    #: Beginning of the addresses of its files.
    base_url: str
    #: The only key that is accepted; None: any key.
    api_key: str | None = None
    #: Can be changed while the sandbox runs.
    settings: Settings = field(default_factory=Settings)
    #: Folder whose files are served at `/assets/`; None: there is none.
    assets: Path | None = None
    #: Whether it listens on this machine's loopback interface only.
    only_local_clients: bool = True

    def __post_init__(self) -> None:
        self.store = Store(self.folder)
        self.faults = ActiveFaults()
        self.limit = RateLimit()
        self.log = RequestLog()
        self.processor = Processor(self.store, self.faults, self.settings)
        self.runner = TaskRunner(self.store, self.settings)
        done, local = self.processor.wake, self.only_local_clients
        self.fetcher = Fetcher(self.store, self.settings, self.base_url, done, only_local_clients=local)

    def start(self) -> None:
        """Start the threads; they resume the accepted imports and tasks."""
        _log.info("%d imports are running", len(self.store.imports.running()))
        self.processor.start()
        self.fetcher.start()
        self.runner.start()

    def stop(self) -> None:
        """End the threads and close the files."""
        self.fetcher.stop()
        self.runner.stop()
        self.processor.stop()
        self.store.close()


def sandbox_of(request: Request) -> Sandbox:
    """Return the sandbox that a request came to."""
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox
