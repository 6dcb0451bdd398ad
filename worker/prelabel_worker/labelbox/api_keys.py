"""API keys in a file: it is read again when it changes, so that a key is replaced without a restart."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from prelabel.lazy import logger
from prelabel.printing import printable
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.redis_settings import FILE_SUFFIX, secret_of_file

LOOK_SECONDS = 2.0
"""Seconds after which a file is looked at again, when its keys are asked for."""
_REMEMBERED = 16
_log = logger(__name__)

Keys = Mapping[str, SecretStr]
"""Account → its API key."""


class KeyFile:
    """The API keys in the file of a `PRELABEL_…_FILE`, by account. Threads and forked processes may share one.

    A file that is empty, cannot be read or has something else replaces no key, and an event says why.
    """

    def __init__(self, variable: str, path: str, keys: Keys, parse: Callable[[str], Keys]) -> None:
        """`keys` are those that were read at the start; `parse` raises ValueError for a text that has none."""
        self._variable = variable
        self._path = os.path.abspath(path)
        self._parse = parse
        self._keys = keys
        #: The keys of now and the last that were replaced: none of them may be logged.
        self.ever: tuple[str, ...] = _texts(keys)
        self._looked = float("-inf")
        self._read_mark: tuple[int, ...] | None = None
        self._problem = ""

    def keys(self) -> Keys:
        """Return the keys; looks at the file if the last look was a while ago."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self.look()
        return self._keys

    def look(self) -> None:
        """Read the file now if it has changed."""
        # No lock: it could be held by another thread during a fork. Two threads that look at once read the same file.
        self._looked = time.monotonic()
        mark = _mark(self._path)
        if mark is None or mark == self._read_mark:
            return
        try:
            keys = self._read()
        except (ConfigurationError, ValueError) as error:
            self._complain(str(error))
            return
        if keys != self._keys:
            self._replace(keys)
        self._read_mark, self._problem = mark, ""

    def _replace(self, keys: Keys) -> None:
        new = _texts(keys)
        past = [text for text in self.ever if text not in new]
        self.ever = (*past[-_REMEMBERED:], *new)
        changed = [account for account, key in keys.items() if key != self._keys.get(account)]
        self._keys = keys
        fingerprints = {account: fingerprint(keys[account].get_secret_value()) for account in changed}
        _log.info("api_key.replaced", variable=f"{self._variable}{FILE_SUFFIX}", keys=fingerprints)

    def _read(self) -> Keys:
        name = f"{self._variable}{FILE_SUFFIX}"
        text = secret_of_file(self._variable, {name: self._path})
        if not text:
            raise ConfigurationError(f"{name}: {printable(self._path)}: empty")
        try:
            return self._parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {printable(self._path)}: {error}") from None

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("api_key.kept", detail=problem, remedy="write the new key into the file; the old one is used")
        self._problem = problem


def fingerprint(api_key: str) -> str:
    """Return 8 hex digits that tell keys of an account apart, and from which the key cannot be computed."""
    return hashlib.blake2b(api_key.encode(), digest_size=4, person=b"prelabel.key.1").hexdigest()


def _mark(path: str) -> tuple[int, ...] | None:
    """Return what changes with the content of a file; None for a pipe: it can be read only once, or not at all."""
    try:
        found = os.stat(path)
    except OSError:
        return ()  # reading it says what is wrong
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _texts(keys: Keys) -> tuple[str, ...]:
    return tuple(key.get_secret_value() for key in keys.values())
