"""An API key in a file is replaced while a worker runs: every row is imported, and nothing stops."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from prelabel import Publisher
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.labelbox.api_keys import fingerprint
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings
from tests.support.flow import COMMAND, TOOLS, box
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment

KEYS = ("sandbox-key-one", "sandbox-key-two", "sandbox-key-three")


class Site:
    """A sandbox that takes one key, and a `prelabel worker` that finds its key in a file."""

    def __init__(self, folder: Path, client: "redis.Redis", redis_url: str, prefix: str) -> None:
        self.folder, self.client, self.prefix, self.url = folder, client, prefix, redis_url
        self.rows = 0
        self.sandbox = self._start("0", KEYS[0])
        self.sandbox.project("p", {"tools": TOOLS, "classifications": []})
        (folder / "key").write_text(KEYS[0])
        settings = {"redis_url": redis_url, "key_prefix": prefix, "labelbox_api_key_file": str(folder / "key")}
        variables = environment(self.sandbox, **settings)
        del variables["PRELABEL_LABELBOX_API_KEY"]
        command = [*COMMAND, "worker", "--concurrency", "2"]
        with (folder / "log").open("wb") as log:
            self.worker = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)

    def _start(self, port: str, key: str) -> SandboxProcess:
        return SandboxProcess(self.folder / "sandbox", "--port", port, "--api-key", key)

    def take(self, key: str) -> None:
        """Let the sandbox take this key and no other."""
        self.sandbox.stop()
        self.sandbox = self._start(str(urlsplit(self.sandbox.url).port), key)

    def publish(self) -> None:
        """Publish a row, and wait until it is imported."""
        self.rows += 1
        with Publisher(self.url, key_prefix=self.prefix) as publisher:
            publisher.publish(box(f"row-{self.rows}", project="p"))
        status = Inspector(self.client, self.prefix)
        wait_for(lambda: status.status("p").imported == self.rows, "the row to be imported")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def keys(self) -> list[str]:
        """Return the fingerprints of the keys that the worker announces."""
        settings = Settings(key_prefix=self.prefix, labelbox_api_key="")
        return [key for account in Accounts(self.client, settings).all() for key in account.keys]

    def stop(self) -> None:
        self.worker.kill()
        self.worker.wait()
        self.sandbox.stop()


@pytest.fixture
def site(tmp_path: Path, client: "redis.Redis", redis_url: str, prefix: str) -> Iterator[Site]:
    found = Site(tmp_path, client, redis_url, prefix)
    yield found
    found.stop()


def test_rows_are_imported_with_each_new_key_and_nothing_stops_in_between(site: Site) -> None:
    site.publish()
    assert site.keys() == [fingerprint(KEYS[0])]

    # As Labelbox advises: first the new key, then, once all workers have it, the end of the old one.
    (site.folder / "key").write_text(f"{KEYS[1]}\n")
    wait_for(lambda: site.keys() == [fingerprint(KEYS[1])], "the worker to announce the new key")
    site.take(KEYS[1])
    site.publish()

    # In a hurry: the old key ends first.
    site.take(KEYS[2])
    (site.folder / "next").write_text(KEYS[2])
    (site.folder / "next").rename(site.folder / "key")
    site.publish()

    # A mistake changes nothing.
    (site.folder / "key").write_text("")
    wait_for(lambda: any(entry["event"] == "api_key.kept" for entry in site.events()), "the empty file to be noticed")
    site.publish()

    assert site.worker.poll() is None, "the same worker"
    events = site.events()
    assert not {"account.stopped", "uploads.paused"} & {entry["event"] for entry in events}
    replaced = [entry["keys"] for entry in events if entry["event"] == "api_key.replaced"]
    assert {"default": fingerprint(KEYS[1])} in replaced
    assert {"default": fingerprint(KEYS[2])} in replaced
    assert not [key for key in KEYS if key in (site.folder / "log").read_text()]
