"""A gateway that runs as a process of its own, and somebody who posts to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

TOKEN = "a-token-of-the-tests-0123456789"


@dataclass
class RunningGateway:
    """A gateway's process and its address."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def post(
        self,
        content: Any,
        kind: str | None = "application/x-ndjson",
        path: str = "/v1/predictions",
        token: str | None = TOKEN,
        **headers: str,
    ) -> httpx.Response:
        """Post bytes, or messages: a list as NDJSON, an object as JSON."""
        if isinstance(content, dict):
            content, kind = orjson.dumps(content), "application/json"
        elif isinstance(content, list):
            content = b"".join(orjson.dumps(line) + b"\n" for line in content)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind is not None:
            sent["content-type"] = kind
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return httpx.post(f"{self.url}{path}", content=content, headers=sent, timeout=60)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=60)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(60)


@contextmanager
def running_gateway(
    folder: Path, redis_url: str, prefix: str, *options: str, **variables: str
) -> Iterator[RunningGateway]:
    """Run `prelabel gateway` with these options until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    tokens = {} if "PRELABEL_GATEWAY_TOKENS_FILE" in variables else {"PRELABEL_GATEWAY_TOKEN": TOKEN}
    environment = kept | tokens | {"PRELABEL_KEY_PREFIX": prefix, "PRELABEL_LOG_FORMAT": "json"} | variables
    command = [sys.executable, "-m", "prelabel_worker.cli", "gateway", "--port", "0", "--redis-url", redis_url]
    log = folder / "gateway.log"
    with log.open("ab") as written:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=written, env=environment, cwd=folder
        )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    try:
        assert line.startswith("gateway at "), log.read_text("utf-8")
        yield RunningGateway(process, line.split()[2].rstrip(","), log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        process.stdout.close()
