"""Bridges as processes, killed at random moments, and what they published."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import redis

from tests.support.publishing import messages_of
from tests.support.waiting import wait_for

COMMAND = [sys.executable, "-m", "prelabel_worker.cli", "bridge"]


def record(key: str, left: int = 2) -> bytes:
    """Return a record with one box; the mapping adds project and model."""
    box = {"name": "vessel", "bbox": {"top": 1, "left": left, "height": 3, "width": 4}}
    return orjson.dumps({"dataRow": {"globalKey": key}, "annotations": [box]})


@dataclass
class Running:
    """A bridge that was started, and its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text()

    def end(self, seconds: float = 30) -> int:
        """Wait until the bridge ends; return its exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Bridges:
    """Starts `prelabel bridge …` with one Redis and one project."""

    def __init__(self, folder: Path, client: "redis.Redis", redis_url: str, prefix: str) -> None:
        self.folder = folder
        self.client = client
        self.prefix = prefix
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PRELABEL_", "AWS_"))}
        self.environment = clean | {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_KEY_PREFIX": prefix}
        self.mapping = folder / "mapping.toml"
        self.mapping.write_text('project = "p"\nmodel = "m"\nglobal_key = "{header.x-frame}"\n')
        self._running: list[Running] = []

    def start(self, *words: str) -> "Running":
        log = self.folder / f"bridge-{len(self._running)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*COMMAND, *words, "--mapping", str(self.mapping)],
                cwd=self.folder, env=self.environment, stderr=stream, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self._running.append(Running(process, log))
        return self._running[-1]

    def run(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a bridge to its end; return the events of its log."""
        running = self.start(*words)
        assert running.end(60) == code, running.text
        return [json.loads(line) for line in running.text.splitlines() if line.startswith("{")]

    def close(self) -> None:
        for running in self._running:
            running.kill()

    def messages(self) -> list[dict[str, Any]]:
        """Return all messages that were published, lane by lane in order of arrival."""
        of_project = f"{self.prefix}:{{p}}"
        # The lanes first: a frame is written together with its entry, so that every entry read here has its frame.
        entries = [e for lane in range(16) for e in self.client.lrange(f"{of_project}:lane:{lane}", 0, -1)]
        frames = self.client.hgetall(f"{of_project}:frames")
        return [json.loads(raw) for entry in entries for raw in messages_of(entry, frames)]

    def lefts(self) -> dict[str, int]:
        """Return the left edge of the box that the last message of each data row has."""
        return {each["dataRow"]["globalKey"]: each["annotations"][0]["bbox"]["left"] for each in self.messages()}

    def bad(self) -> list[dict[str, Any]]:
        """Return the records in the file of bad records."""
        path = self.folder / "bad-records.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def survive(self, words: list[str], write: Callable[[int], None], rows: int, seed: int, kills: int = 3) -> None:
        """Write rows in steps while bridges are killed at random moments; then let one bridge finish.

        `write(n)` writes the n-th row, whose key is `k<n>`. Nothing may be missing, and of rows that came twice the
        last one must be the right one.
        """
        lot = random.Random(seed)
        written = 0
        for part in range(1, kills + 1):
            running = self.start(*words)
            before = len(self.messages())
            while written < rows * part // kills:
                write(written)
                written += 1
            wait_for(lambda n=before: len(self.messages()) > n, "the bridge to publish something", 40)  # type: ignore[misc]
            time.sleep(lot.uniform(0, 0.15))
            running.kill()
        self.start(*words)
        wait_for(lambda: set(self.lefts()) == {f"k{n}" for n in range(rows)}, "every row", 40)
        self.close()
