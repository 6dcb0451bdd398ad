"""Searches for secrets in all places that they could have reached: logs, Redis, output of commands, spools."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from prelabel.wire.client import Client
from prelabel_worker.stack.stack import Stack

_COMMANDS = (
    ("status", "--json"),
    ("doctor",),
    ("audit", "--json"),
    ("dead", "list", "--json"),
    ("dead", "groups"),
    ("import", "list", "--json"),
    ("metrics", "--once"),
)


def leaks(stack: Stack, folder: Path) -> list[str]:
    """Return the places that hold the run's API key or Redis password, except configuration and the sandbox's data."""
    password = stack.file.redis_url.split(":")[2].split("@")[0]
    secrets = [stack.file.labelbox_api_key.encode(), password.encode()]
    places = chain(_files(stack.logs, folder), _values(stack.client()), _printed(stack))
    return [name for name, content in places if any(secret in content for secret in secrets)]


def _files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Return the logs, journals and spools."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and ".prelabel" not in path.relative_to(folder).parts:
                yield str(path), path.read_bytes()


def _values(client: Client) -> Iterator[tuple[str, bytes]]:
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        if kind in readers:
            yield f"Redis {key.decode()}", key + b"\n" + b"\n".join(_flat(readers[kind](key)))


def _flat(value: Any) -> Iterable[bytes]:
    if isinstance(value, dict):
        return (part for pair in value.items() for part in pair)
    return [value] if isinstance(value, bytes) else value or []


def _printed(stack: Stack) -> Iterator[tuple[str, bytes]]:
    for arguments in _COMMANDS:
        command = [sys.executable, "-m", "prelabel_worker.cli", *arguments]
        done = subprocess.run(command, cwd=stack.folder.parent, capture_output=True, timeout=60, check=False)
        yield f"prelabel {' '.join(arguments)}", done.stdout + done.stderr
