"""Who may publish: lists of tokens, and where a request has its token.

A list of tokens has one entry a line, or entries with commas between them: `name:digest`, where the digest is the
SHA-256 of the token in hexadecimal. A file of such entries is read again when it changes, so tokens are rotated without
a restart.
"""

import base64
import binascii
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from prelabel.access_tokens import MAKES_ONE, checked_digest, checked_name
from prelabel.errors import PrelabelError, shorten

_MAX_FILE_BYTES = 1024 * 1024
_LOOK_SECONDS = 1.0
_log = logging.getLogger("prelabel.gateway")


class BadTokens(PrelabelError):
    """A list of tokens cannot be read."""


def read_tokens(text: str, source: str) -> dict[str, str]:
    """Return name by digest. Raises BadTokens, which names the entry by its number and quotes no digest."""
    names: dict[str, str] = {}
    entries = [entry.strip() for line in text.splitlines() for entry in line.partition("#")[0].split(",")]
    for number, entry in enumerate(filter(None, entries), 1):
        name, colon, digest = entry.partition(":")
        try:
            if not colon:
                raise ValueError(f"expected name:digest; found no colon; {MAKES_ONE}")
            names[checked_digest(digest)] = checked_name(name)
        except ValueError as error:
            raise BadTokens(f"{source}: entry {number}: {error}") from None
    return names


class TokenFile:
    """A file of tokens, read again when it changes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. Raises BadTokens."""
        self._path = path
        self._clock = clock
        self._look_at = clock() + _LOOK_SECONDS
        self._stamp = self._stamp_now()
        self._names = self._read()

    def names(self) -> dict[str, str]:
        """Return name by digest; looks at the file at most once a second, and reads it if it has changed.

        While a changed file cannot be read, the tokens that were read before stay valid.
        """
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + _LOOK_SECONDS
            self._look()
        return self._names

    def _look(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._names = self._read()
        except BadTokens as error:
            _log.error(
                "gateway.tokens_unread", extra={"fields": {"event": "gateway.tokens_unread", "error": str(error)}}
            )
        else:
            count = len(self._names)
            _log.info("gateway.tokens_read", extra={"fields": {"event": "gateway.tokens_read", "tokens": count}})

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
