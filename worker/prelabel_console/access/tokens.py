"""Tokens and the failures of those who guess. Only digests of tokens are kept."""

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prelabel_console.access.roles import Role

MAX_CHARACTERS = 500
"""Maximum length of a token that is looked at."""
_FAILURES = 10
_SECONDS = 60.0
_REMEMBERED = 1000


class TooManyFailures(Exception):
    """An address has sent too many wrong tokens; `seconds` is the wait until the next is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong tokens; the next is looked at in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token belongs to."""

    #: The name that actions are recorded with.
    name: str
    #: What the holder may do.
    role: Role


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, as settings hold it.

    A plain digest is enough, since tokens are long and random: nobody can find one by trying.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """The tokens of one console by digest. Thread-safe.

    An address that has sent `_FAILURES` wrong tokens within a minute is not answered until the minute is over, except
    with a token that it has used before: so nobody locks out the people behind the same proxy.
    """

    def __init__(self, holders: Mapping[str, Holder], clock: Callable[[], float] = time.monotonic) -> None:
        self._holders = dict(holders)
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()

    def holder(self, token: str, address: str) -> Holder | None:
        """Return whom a token belongs to, None for a wrong one. Raises TooManyFailures."""
        digest = digest_of(token[: MAX_CHARACTERS + 1])
        with self._lock:
            if (address, digest) not in self._used:
                self._check(address)
            holder = self._find(digest)
            if holder is None:
                self._failures.setdefault(address, []).append(self._clock())
                _shorten(self._failures)
            else:
                self._used[address, digest] = None
                _shorten(self._used)
            return holder

    def _find(self, digest: str) -> Holder | None:
        """Return the holder of a digest; takes the same time for each."""
        right = [holder for known, holder in self._holders.items() if hmac.compare_digest(known, digest)]
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


def _shorten(memory: "OrderedDict[Any, Any]") -> None:
    """Forget the entry that was added first when there are too many."""
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
