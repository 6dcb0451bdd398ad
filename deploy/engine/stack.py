"""The compose file's services, started by Compose."""

import json
from dataclasses import dataclass
from pathlib import Path

from deploy import compose
from deploy.engine.daemon import Daemon


@dataclass(frozen=True, slots=True)
class State:
    """What the engine knows of a container."""

    #: How often the engine has started it again.
    restarts: int
    #: `starting`, `healthy` or `unhealthy`; empty for a container without a health check.
    health: str


class Stack:
    """The services of the compose file in a folder of sources, with an image of this tag."""

    def __init__(self, daemon: Daemon, source: Path, tag: str, name: str = "prelabel-trial") -> None:
        self._daemon = daemon
        self._source = source
        self._environment = {"IMAGE_TAG": tag}
        #: The name of the Compose project, with which its networks and volumes begin.
        self.name = name

    def compose(self, *words: str, stdin: bytes = b"", expected: tuple[int, ...] = (0,)) -> str:
        """Run `docker compose` with these words and return what it printed. Raises Failure."""
        return self._compose(*words, stdin=stdin, expected=expected).decode("utf-8", "replace").strip()

    def _compose(self, *words: str, stdin: bytes = b"", expected: tuple[int, ...] = (0,)) -> bytes:
        options = ("--env-file", compose.ENV_FILE, "--profile", "sandbox", "--project-name", self.name)
        return self._daemon.output(
            "compose",
            *options,
            *words,
            folder=self._source,
            environment=self._environment,
            stdin=stdin,
            expected=expected,
        )

    def output(self, service: str, *words: str) -> bytes:
        """Return what a command in a container of a service prints. Raises Failure."""
        return self._compose("exec", "-T", service, *words)

    def image(self, service: str) -> str:
        """Return the image of a service."""
        return str(json.loads(self.compose("config", "--format", "json"))["services"][service]["image"])

    def up(self, *words: str) -> None:
        """Start the services and wait until all of them are healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", *words)

    def run(self, service: str, *words: str, stdin: bytes = b"", expected: tuple[int, ...] = (0,)) -> str:
        """Run a command in a container of a service. Raises Failure."""
        return self.compose("exec", "-T", service, *words, stdin=stdin, expected=expected)

    def prelabel(self, *words: str, stdin: bytes = b"", expected: tuple[int, ...] = (0,)) -> str:
        """Run a command of ours in a worker's container. Raises Failure."""
        return self.run("worker", "prelabel", *words, stdin=stdin, expected=expected)

    def counts(self, project: str) -> dict[str, int]:
        """Return the rows of a project by outcome."""
        status = json.loads(self.prelabel("status", "--json", "--project", project))["projects"][0]
        return {name: number for name, number in status.items() if isinstance(number, int)}

    def containers(self, service: str) -> list[str]:
        """Return the names of a service's containers."""
        lines = self.compose("ps", "--all", "--format", "json", service).splitlines()
        return sorted(json.loads(line)["Name"] for line in lines if line.startswith("{"))

    def state(self, container: str) -> State:
        """Return what the engine knows of a container."""
        (known,) = json.loads(self._daemon.run("inspect", container))
        return State(known["RestartCount"], known["State"].get("Health", {}).get("Status", ""))

    def down(self) -> None:
        """Stop the services and remove their volumes."""
        self.compose("down", "--volumes")
