"""Bridges as processes, killed at random moments, and what they published."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import redis

from tests.support.publishing import waiting
from tests.support.waiting import wait_for

COMMAND = [sys.executable, "-m", "prelabel_worker.cli", "bridge"]
BOX = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}


def record(key: str, left: int = 2) -> bytes:
    """Return a record with one box that names its data row in a field of its own."""
    return orjson.dumps({"image": key, "annotations": [{**BOX, "bbox": {**BOX["bbox"], "left": left}}]})  # type: ignore[dict-item]


class Bridges:
    """Starts `prelabel bridge …` with one Redis and one project."""

    def __init__(self, folder: Path, client: "redis.Redis", redis_url: str, prefix: str) -> None:
        self.folder = folder
        self.client = client
        self.prefix = prefix
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PRELABEL_", "AWS_"))}
        self.environment = clean | {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_KEY_PREFIX": prefix}
        self.mapping = folder / "mapping.toml"
        self.mapping.write_text('project = "p"\nmodel = "m"\nglobal_key = "{body.image}"\n')
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*COMMAND, *words, "--mapping", str(self.mapping)],
            cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def run(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a bridge to its end; return the events of its log."""
        process = self.start(*words)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        return [json.loads(line) for line in errors.splitlines() if line.startswith("{")]

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def messages(self) -> list[dict[str, Any]]:
        """Return all messages that were published, lane by lane in order of arrival."""
        return [json.loads(raw) for raw in waiting(self.client, self.prefix)]

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
            process = self.start(*words)
            before = len(self.messages())
            while written < rows * part // kills:
                write(written)
                written += 1
            wait_for(lambda n=before: len(self.messages()) > n, "the bridge to publish something")  # type: ignore[misc]
            time.sleep(lot.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.start(*words)
        wait_for(lambda: set(self.lefts()) == {f"k{n}" for n in range(rows)}, "every row", 60)
        self.close()


def ended(process: "subprocess.Popen[str]") -> str:
    """Stop a bridge by SIGTERM; return its log."""
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return errors
