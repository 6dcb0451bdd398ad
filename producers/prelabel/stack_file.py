"""Find and read `.prelabel/stack.json`, in which `prelabel up` writes the addresses of the running stack.

The file decides where rows and an API key are sent. So it is used only if it and its folder belong to this user and
are closed to everyone else.
"""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prelabel.errors import PrelabelError

FOLDER = Path(".prelabel")
NAME = "stack.json"
KEYS = {
    "redis_url": "redisUrl",
    "broker_url": "brokerUrl",
    "labelbox_endpoint": "labelboxEndpoint",
    "labelbox_api_key": "labelboxApiKey",
    "sandbox_url": "sandboxUrl",
    "pid": "pid",
    "pids": "pids",
    "console_url": "consoleUrl",
    "gateway_url": "gatewayUrl",
}
"""Field of `StackFile` → key in the file."""
_MAX_BYTES = 64 * 1024
_OTHERS = 0o077


class NoStack(PrelabelError):
    """No stack runs here."""


class UntrustedStack(NoStack):
    """The file exists, but somebody else could have written or read it."""


@dataclass(frozen=True, slots=True)
class StackFile:
    """The addresses of a running stack."""

    #: Where the rows are; holds the password.
    redis_url: str
    #: Celery's broker.
    broker_url: str
    #: The sandbox's GraphQL endpoint.
    labelbox_endpoint: str
    #: The sandbox's key.
    labelbox_api_key: str
    #: The sandbox's pages.
    sandbox_url: str
    #: The process that started the stack.
    pid: int
    #: Name of a part → its process id.
    pids: dict[str, int] = field(default_factory=dict)
    #: The operators' pages, with the token that they ask for; empty if the stack has none.
    console_url: str = ""
    #: Where programs publish over HTTP, with the token that it asks for; empty if the stack has no gateway.
    gateway_url: str = ""


def find_stack() -> tuple[Path, StackFile]:
    """Return the folder and the file of the stack that runs in the working directory or above it; the nearest decides.

    Raises NoStack if there is none or its process has ended, UntrustedStack if the file must not be trusted.
    """
    here = Path.cwd()
    for parent in (here, *here.parents):
        folder = parent / FOLDER
        if os.path.lexists(folder / NAME):
            return folder, read(folder)
    raise NoStack(f"no stack runs in {here} or above it")


def read(folder: Path) -> StackFile:
    """Return the running stack of this folder. Raises NoStack and UntrustedStack as `find_stack` does."""
    path = folder / NAME
    try:
        text = _read_private(folder)
        addresses: dict[str, Any] = json.loads(text)
        stack = StackFile(**{name: addresses[key] for name, key in KEYS.items() if key in addresses})
        lives = _lives(stack.pid)
    except FileNotFoundError:
        raise NoStack(f"no stack runs in {folder}") from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise NoStack(f"{path} cannot be read ({type(error).__name__})") from None
    if not lives:
        raise NoStack(f"the stack of {path} has ended: its process {stack.pid} is gone")
    return stack


def _read_private(folder: Path) -> bytes:
    """Read the file through open handles, so that nobody can swap it between the check and the reading."""
    if not hasattr(os, "geteuid"):
        raise NoStack("no stack runs on this system")
    if folder.lstat().st_uid != os.geteuid():  # somebody else's link could lead to another stack of this user
        raise UntrustedStack(_owner(folder, folder.lstat().st_uid))
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(folder, os.fstat(parent), "0700")
        if stat.S_ISLNK(os.stat(NAME, dir_fd=parent, follow_symlinks=False).st_mode):
            raise UntrustedStack(f"{folder / NAME} is not used: it is a link, and links are not followed")
        handle = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UntrustedStack(f"{folder / NAME} is not used: it is not a regular file")
        _check(folder / NAME, status, "0600")
        return file.read(_MAX_BYTES)


def _check(path: Path, status: os.stat_result, expected: str) -> None:
    if status.st_uid != os.geteuid():
        raise UntrustedStack(_owner(path, status.st_uid))
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        raise UntrustedStack(f"{path} is not used: expected mode {expected}, found {mode:04o}; others can reach it")


def _owner(path: Path, owner: int) -> str:
    return f"{path} is not used: it belongs to user {owner}, and this process runs as user {os.geteuid()}"


def _lives(pid: int) -> bool:
    if pid < 1:  # 0 and below name groups of processes
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
