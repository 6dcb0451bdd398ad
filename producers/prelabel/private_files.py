"""Files that hold rows, keys or messages: only the owner can read them, links are refused, each is written whole."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PART = ".new"
"""Suffix of an unfinished file; only a killed process leaves one."""
_MODE = 0o600
_NAME_CHARACTERS = 60
_LINK = "is a link, and links are not followed: name the file itself"
_SPECIAL = "is not a regular file: name another one"


class UnsafeFile(OSError):
    """The path is a link, a folder, a pipe or a device; `strerror` says which."""


def check_regular(path: Path) -> None:
    """Check that `path` is a regular file or is missing. Raises UnsafeFile, or OSError if it cannot be inspected."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise UnsafeFile(errno.ELOOP, _LINK, str(path))
    if not stat.S_ISREG(mode):
        raise UnsafeFile(errno.EINVAL, _SPECIAL, str(path))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file with the mode 0600 that replaces `path` durably when the block ends.

    An error in the block leaves `path` as it was and removes the new file. Raises OSError, and UnsafeFile as
    `check_regular` does.
    """
    check_regular(path)
    part = path.with_name(f"{path.name[:_NAME_CHARACTERS]}.{secrets.token_hex(8)}{PART}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(part, flags, _MODE)
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Replace `path` with a file that has this content, as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


def opener(path: str, flags: int) -> int:
    """Open a file to write it in place, for `open(…, opener=opener)`; its mode becomes 0600, even if it exists.

    Raises OSError, and UnsafeFile as `check_regular` does.
    """
    check_regular(Path(path))
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise UnsafeFile(errno.EINVAL, _SPECIAL, path)
        if stat.S_IMODE(mode) != _MODE:
            os.fchmod(handle, _MODE)
    except BaseException:
        os.close(handle)
        raise
    return handle


def sync_folder(folder: Path) -> None:
    """Make it durable that names were added to a folder or removed from it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
