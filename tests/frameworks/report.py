"""What a program that runs a tool reports: imports nothing of the project, since any environment may run it."""

import json
import os
import socket
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Output:
    """Predictions that a tool made."""

    #: What the tool did, in a few words.
    what: str
    #: How many predictions, pages or answers the tool gave, as far as it says so.
    records: int
    #: How many data rows they are about.
    rows: int
    #: A format of `prelabel publish`; `messages` for a file of messages; `published` if the program has published.
    format: str
    #: The file or folder, in the program's folder.
    file: str = ""
    #: The media type of the project.
    media: str = "IMAGE"
    #: Options of the reader; the values of `categories`, `images`, `texts` and `masks` are files in the folder.
    options: dict[str, Any] = field(default_factory=dict)
    #: How many records the reader cannot read, as documented.
    bad: int = 0


@dataclass(frozen=True)
class Place:
    """Where a program writes and publishes."""

    folder: Path
    redis_url: str
    key_prefix: str
    project: str

    def report(self, tool: str, *outputs: Output) -> None:
        """Say which release of the tool made these outputs."""
        report = {"tool": tool, "outputs": [asdict(output) for output in outputs]}
        (self.folder / "report.json").write_text(json.dumps(report), "utf-8")

    def elsewhere(self) -> "Place":
        """Return a place in the same folder whose messages nobody looks at."""
        return replace(self, key_prefix=f"{self.key_prefix}-other")

    def options(self) -> dict[str, str]:
        """Return the arguments of a publisher that publishes to the test's Redis."""
        return {"redis_url": self.redis_url, "key_prefix": self.key_prefix}


def place() -> Place:
    """Return the place that the command line names, and go there."""
    folder, redis_url, key_prefix, project = sys.argv[1:5]
    os.chdir(folder)
    return Place(Path(folder), redis_url, key_prefix, project)


def release(*packages: str) -> str:
    """Return the names of packages with their versions."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answered(port: int, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """Return the answer of a server on this machine, which may still be starting; give up after 90 s."""
    fields = {"Content-Type": "application/json"} | headers
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=fields)
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def wait_until_published(here: Place, rows: int) -> None:
    """Wait until Redis has these rows: a server that is killed loses those of the last moment."""
    import redis

    from prelabel.wire.keys import ProjectKeys

    client = redis.Redis.from_url(here.redis_url)
    deadline = time.monotonic() + 60
    while int(client.hget(ProjectKeys(here.key_prefix, here.project).counts, "published") or 0) < rows:
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {rows} rows in Redis")
        time.sleep(0.05)
