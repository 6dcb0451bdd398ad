"""`.prelabel/stack.json`: where the parts of the running stack are. Written by `prelabel up`, read here.

The file decides where rows and a key go, so only a file of this user is read, in a folder of this user, and neither may
be open to anyone else.
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
}
"""Field of `StackFile` → key in the file."""
_MAX_BYTES = 64 * 1024
_OTHERS = 0o077


class NoStack(PrelabelError):
    """No stack runs here."""


class UntrustedStack(NoStack):
    """There is a file, but somebody else could have written it or read it."""


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


def find_stack() -> tuple[Path, StackFile]:
    """Return the folder and the file of the stack that runs in the working directory or above it; the nearest decides.

    Raises NoStack where there is none or its process has ended, UntrustedStack where the file is not used.
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
        found: dict[str, Any] = json.loads(text)
        stack = StackFile(**{name: found[key] for name, key in KEYS.items()})
        lives = _lives(stack.pid)
    except FileNotFoundError:
        raise NoStack(f"no stack runs in {folder}") from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise NoStack(f"{path} cannot be read ({type(error).__name__})") from None
    if not lives:
        raise NoStack(f"the stack of {path} has ended: its process {stack.pid} is gone")
    return stack


def _read_private(folder: Path) -> bytes:
    """Read the file by handles, so that what was checked is what is read."""
    if not hasattr(os, "geteuid"):
        raise NoStack("no stack runs on this system")
    if folder.lstat().st_uid != os.geteuid():  # a link of somebody else could lead to another stack of ours
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
