"""Who may publish: tokens, of which only digests are kept, and the failures of those who guess.

A list of tokens has one entry a line, or entries with commas between them: `name:digest`, where the digest is the
SHA-256 of the token in hexadecimal. A file of such entries is read again when it changes, so tokens are rotated without
a restart.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prelabel.errors import PrelabelError, shorten

SHORTEST = 16
"""Minimum number of characters of a token that is given as it is."""
_MAX_CHARACTERS = 500
_MAX_FILE_BYTES = 1024 * 1024
_FAILURES = 10
_SECONDS = 60.0
_REMEMBERED = 1000
_LOOK_SECONDS = 1.0
_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9 @_.-]{1,64}):(?P<digest>[0-9a-fA-F]{64})")
_log = logging.getLogger("prelabel.gateway")


class BadTokens(PrelabelError):
    """A list of tokens cannot be read."""


class TooManyFailures(PrelabelError):
    """An address has sent too many wrong tokens; `seconds` is the wait until the next is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong tokens; the next is looked at in {seconds:.0f} s")
        self.seconds = seconds


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, as lists hold it.

    A plain digest is enough, since tokens are long and random: nobody can find one by trying.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(text: str, source: str) -> dict[str, str]:
    """Return name by digest. Raises BadTokens, which names the entry by its number and quotes no digest."""
    names: dict[str, str] = {}
    entries = [entry.strip() for line in text.splitlines() for entry in line.partition("#")[0].split(",")]
    for number, entry in enumerate(filter(None, entries), 1):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise BadTokens(
                f"{source}: entry {number}: expected name:digest, a name of letters, digits and @_.- and the SHA-256 "
                "of a token as 64 hexadecimal digits (printf %s TOKEN | sha256sum)"
            )
        names[match["digest"].lower()] = match["name"]
    return names


class TokenFile:
    """A file of tokens, read again when it changes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. Raises BadTokens."""
        self._path = path
        self._clock = clock
        self._look_at = clock() + _LOOK_SECONDS
        self._stamp = self._stamp_now()
        self.names = self._read()

    def look(self) -> bool:
        """Read the file again if it has changed, at most once a second; return whether its tokens are others now.

        While a changed file cannot be read, the tokens that were read before stay valid.
        """
        if self._clock() < self._look_at:
            return False
        self._look_at = self._clock() + _LOOK_SECONDS
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            names = self._read()
        except BadTokens as error:
            _log.error(
                "gateway.tokens_unread", extra={"fields": {"event": "gateway.tokens_unread", "error": str(error)}}
            )
            return False
        _log.info("gateway.tokens_read", extra={"fields": {"event": "gateway.tokens_read", "tokens": len(names)}})
        changed, self.names = names != self.names, names
        return changed

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadTokens(f"{self._path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
        if len(content) > _MAX_FILE_BYTES:
            raise BadTokens(f"{self._path}: larger than {_MAX_FILE_BYTES:,} bytes")
        return read_tokens(text, shorten(str(self._path)))

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)  # of the file behind links: Kubernetes replaces a secret's link
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)


class Tokens:
    """The tokens of one gateway. Thread-safe.

    An address that has sent `_FAILURES` wrong tokens within a minute is not answered until the minute is over, except
    with a token that it has used before: so nobody locks out the clients behind the same proxy.
    """

    def __init__(
        self, names: Mapping[str, str], file: TokenFile | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._names = dict(names)
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()

    def holder(self, authorization: str, address: str) -> str | None:
        """Return the name of the token in a header Authorization; None without a right one. Raises TooManyFailures."""
        token = token_in(authorization)
        if token is None:
            return None
        digest = digest_of(token[: _MAX_CHARACTERS + 1])
        with self._lock:
            if self._file is not None:
                self._file.look()
            if (address, digest) not in self._used:
                self._check(address)
            name = self._find(digest)
            if name is None:
                self._used.pop((address, digest), None)
                self._failures.setdefault(address, []).append(self._clock())
                _shorten(self._failures)
            else:
                self._used[address, digest] = None
                _shorten(self._used)
            return name

    def _find(self, digest: str) -> str | None:
        """Return the name of a digest; takes the same time for each."""
        known = {**self._names, **(self._file.names if self._file else {})}
        right = [name for other, name in known.items() if hmac.compare_digest(other, digest)]
        return right[0] if right else None

    def _check(self, address: str) -> None:
        since = self._clock() - _SECONDS
        recent = [moment for moment in self._failures.get(address, ()) if moment > since]
        if recent:
            self._failures[address] = recent
        else:
            self._failures.pop(address, None)
        if len(recent) >= _FAILURES:
            raise TooManyFailures(recent[0] - since)


def token_in(authorization: str) -> str | None:
    """Return the token of a header Authorization: a bearer token, or the password of the scheme Basic.

    A program that takes only an address sends the second for `http://any:TOKEN@host/`, as KServe's logger does.
    """
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        user_and_password = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user_and_password.partition(":")[2] or None


def _shorten(memory: "OrderedDict[Any, Any]") -> None:
    """Forget the entry that was added first when there are too many."""
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
