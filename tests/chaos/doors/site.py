"""The processes of a run: the stack with its workers, the gateways, the brokers and the bridges."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from prelabel_worker.stack.redis_server import free_port
from prelabel_worker.stack.stack import Stack
from tests.chaos.doors.client import MAX_BODY_BYTES, Client
from tests.chaos.doors.plan import DOORS, GATEWAYS
from tests.chaos.doors.records import AT_BRIDGES, AT_GATEWAYS, MAPPING, Flaw, Records
from tests.chaos.doors.sources import AWS, Jetstream, Source, Sqs, Stream, sources
from tests.chaos.doors.writer import Writer
from tests.chaos.parts import Parts

_SETTINGS = {
    "PRELABEL_LINGER_SECONDS": "0.5",
    "PRELABEL_POLL_MIN_SECONDS": "0.2",
    "PRELABEL_POLL_MAX_SECONDS": "2",
    "PRELABEL_BACKOFF_BASE_SECONDS": "0.5",
    "PRELABEL_BACKOFF_MAX_SECONDS": "3",
}
_CLIENTS = 2
_SERVER_NAMES = {Stream: "stream-redis", Jetstream: "nats-server", Sqs: "moto"}
"""Of each gateway; each has data rows of its own, since order is kept from one answer to the next request."""
_TOKEN = "chaos-token-of-the-doors"


class Doors(Parts):
    """A stack, every door that can be had here, and the fleets that come to each."""

    def __init__(self, folder: Path, seed: int, rate: float) -> None:
        stack = Stack(folder / ".prelabel", workers=2, settings=_SETTINGS)
        super().__init__(stack)
        self.folder = folder / "doors"
        self.folder.mkdir()
        self.sources = sources(self.folder, print)
        #: project → its doors.
        self.projects: dict[str, tuple[str, ...]] = {f"doors-{name}": (name,) for name in GATEWAYS}
        self.projects |= {project: source.bridges for project, source in self.sources.items()}
        self.doors = [door for door in DOORS if any(door in doors for doors in self.projects.values())]
        self.servers: dict[str, Stream | Jetstream | Sqs] = {
            _SERVER_NAMES[type(source)]: source
            for source in self.sources.values()
            if isinstance(source, Stream | Jetstream | Sqs)
        }
        self._ports = {name: free_port() for name in GATEWAYS}
        self.fleets = threading.Event()
        """Set when the fleets are to end."""
        self.clients: dict[str, list[Client]] = {
            f"doors-{name}": [self._client(name, number, seed, rate / _CLIENTS) for number in range(_CLIENTS)]
            for name in GATEWAYS
        }
        self.writers = {project: self._writer(project, source, seed, rate) for project, source in self.sources.items()}

    def __enter__(self) -> Self:
        super().__enter__()
        tools = [{"tool": "rectangle", "name": "vessel"}]
        for project in self.projects:
            self.control("POST", "projects", {"id": project, "ontology": {"tools": tools}, "dataRows": "any"})
        for name in [*self.servers, *self.doors]:
            self.start(name)
        for fleet in self.all_fleets():
            fleet.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleets.set()
        super().__exit__(kind, error, trace)

    def all_fleets(self) -> list[Client | Writer]:
        """Return the threads that write or post."""
        return [*self.writers.values(), *(client for clients in self.clients.values() for client in clients)]

    def is_here(self, name: str) -> bool:
        """Return whether there is such a door or broker."""
        return name in self.doors or name in self.servers

    def project_at(self, broker: str) -> str:
        """Return the project whose rows come through a broker."""
        return next(project for project, source in self.sources.items() if source is self.servers[broker])

    def project_of(self, door: str) -> str:
        """Return the project whose rows come through a door."""
        return next(project for project, doors in self.projects.items() if door in doors)

    def is_other(self, name: str) -> bool:
        """Return whether this is a door or a broker."""
        return name in DOORS or name in self.servers

    def start_other(self, name: str) -> None:
        """Start a door or a broker."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PRELABEL_", "AWS_"))}
        if name in self.servers:
            self._others.start(name, self.servers[name].server(), environment=environment | AWS, folder=self.folder)
            return
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        environment |= AWS | {
            "PRELABEL_REDIS_URL": self.stack.file.redis_url, "PRELABEL_LOG_FORMAT": "json",
            "PRELABEL_GATEWAY_TOKEN": _TOKEN,
        }  # fmt: skip
        words = self._gateway_words(name) if name in GATEWAYS else self._bridge_words(name, folder)
        self._others.start(
            name, [sys.executable, "-m", "prelabel_worker.cli", *words], environment=environment, folder=folder
        )

    def take_ended(self) -> dict[str, int]:
        """Return the exit status of each door and broker that has ended by itself, once."""
        return self._others.take_dead()

    def terminate(self, doors: list[str]) -> None:
        """Send SIGTERM to doors."""
        for name in doors:
            os.kill(self._others.pids()[name], signal.SIGTERM)

    def _gateway_words(self, name: str) -> list[str]:
        words = ["gateway", "--port", str(self._ports[name]), "--max-body-bytes", str(MAX_BODY_BYTES)]
        words += ["--answer-seconds", "3"]
        return [*words, "--spool-dir", "spool"] if name == "gateway" else words

    def _bridge_words(self, name: str, folder: Path) -> list[str]:
        project = self.project_of(name)
        (folder / "mapping.toml").write_text(MAPPING.format(project=project))
        return ["bridge", *self.sources[project].words(), "--mapping", "mapping.toml", "--metrics", "bridge.prom"]

    def _client(self, name: str, number: int, seed: int, rate: float) -> Client:
        writer = f"{name}-{number}"
        records = Records(seed, writer, f"doors-{name}", (*AT_GATEWAYS, Flaw.UNKNOWN_CLASS), repeats=True)
        return Client(f"http://127.0.0.1:{self._ports[name]}", _TOKEN, records, f"{seed}:{writer}", rate, self.fleets)

    def _writer(self, project: str, source: Source, seed: int, rate: float) -> Writer:
        flaws = tuple(flaw for flaw in AT_BRIDGES if flaw not in source.unfit)
        records = Records(seed, project, project, flaws, repeats=source.is_ordered)
        return Writer(source, records, rate, self.fleets)
