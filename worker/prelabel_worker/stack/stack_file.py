"""`.prelabel/stack.json`: where the running stack's parts are, for the other commands."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prelabel.private_files import replace
from prelabel_worker.stack import private

FOLDER = Path(".prelabel")
NAME = "stack.json"
_WIRE = {
    "redis_url": "redisUrl",
    "broker_url": "brokerUrl",
    "labelbox_endpoint": "labelboxEndpoint",
    "labelbox_api_key": "labelboxApiKey",
    "sandbox_url": "sandboxUrl",
    "pid": "pid",
    "pids": "pids",
}


@dataclass(frozen=True, slots=True)
class StackFile:
    """The addresses of a running stack."""

    #: The URL of its Redis, with the password.
    redis_url: str
    #: The URL of Celery's broker, with the password.
    broker_url: str
    #: The GraphQL endpoint of its sandbox.
    labelbox_endpoint: str
    #: The key that its sandbox accepts.
    labelbox_api_key: str
    #: The address of its sandbox.
    sandbox_url: str
    #: The id of the process that started it.
    pid: int
    #: Name of a part → its process id.
    pids: dict[str, int] = field(default_factory=dict)


def write(stack: StackFile, folder: Path = FOLDER) -> None:
    """Write it atomically, readable by its owner alone, since it holds a password and a key."""
    private.make_folder(folder)
    fields = {_WIRE[name]: value for name, value in asdict(stack).items()}
    replace(folder / NAME, json.dumps(fields, indent=1).encode())


def read(folder: Path = FOLDER) -> StackFile | None:
    """Return the running stack; None when there is none, or its process is gone."""
    try:
        fields: dict[str, Any] = json.loads((folder / NAME).read_text())
        stack = StackFile(**{name: fields[wire] for name, wire in _WIRE.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stack if _lives(stack.pid) else None


def remove(folder: Path = FOLDER) -> None:
    """Remove the file, since the stack has stopped."""
    (folder / NAME).unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
