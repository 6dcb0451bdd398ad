"""Tokens of the gateway and the console: who holds one, and the failures of those who guess. Only digests are kept."""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from prelabel.errors import PrelabelError
from prelabel.printing import counted

MAKES_ONE = (
    "this prints a token and its SHA-256: python3 -c 'import hashlib, secrets; token = secrets.token_urlsafe(24); "
    "print(token, hashlib.sha256(token.encode()).hexdigest())'"
)
"""The remedy for an error about a digest."""
SHORTEST = 16
"""Minimum number of characters of a token that is given as it is."""
_NAME = re.compile(r"[A-Za-z0-9 @_.-]{1,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_MAX_CHARACTERS = 500
_FAILURES = 10
_SECONDS = 60.0
_REMEMBERED = 1000

H = TypeVar("H")


class TooManyFailures(PrelabelError):
    """An address has sent too many wrong tokens; `seconds` is the wait until the next is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong tokens; the next is looked at in {seconds:.0f} s")
        self.seconds = seconds


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, as settings and files hold it.

    A plain digest is enough, since tokens are long and random: nobody can find one by trying.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def checked_digest(text: object) -> str:
    """Return the digest that a setting or a file has, in lower case.

    Raises ValueError that says what was found and quotes nothing of it: it may be the token itself.
    """
    if isinstance(text, str) and _DIGEST.fullmatch(text):
        return text.lower()
    raise ValueError(f"expected the SHA-256 of a token, 64 hexadecimal digits; found {_described(text)}; {MAKES_ONE}")


def checked_name(name: str) -> str:
    """Return the name of a holder, which logs and records show. Raises ValueError, without the name."""
    if _NAME.fullmatch(name):
        return name
    raise ValueError(
        "expected the name of a person or a group, 1 to 64 letters, digits, spaces and @ _ . -; found "
        + (_described(name) if len(name) > 64 or not name else "another character")
    )


def _described(text: object) -> str:
    if not isinstance(text, str):
        return "a value that is no text"
    if not text:
        return "nothing"
    kind = "all hexadecimal digits" if re.fullmatch("[0-9a-fA-F]+", text) else "not all of them hexadecimal digits"
    return f"{counted(len(text), 'character')}, {kind}"


def new_token() -> str:
    """Return a random token, which may be part of a URL."""
    return secrets.token_urlsafe(24)


class Tokens(Generic[H]):
    """The tokens of one server. Thread-safe.

    An address that has sent `_FAILURES` wrong tokens within a minute is not answered until the minute is over, except
    with a token that it has used before: so nobody locks out the people and programs behind the same proxy.
    """

    def __init__(self, holders: Callable[[], Mapping[str, H]], clock: Callable[[], float] = time.monotonic) -> None:
        """`holders` returns holder by digest as they are now; it is called for each token, by one thread at a time."""
        self._holders = holders
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()

    def holder(self, token: str, address: str) -> H | None:
        """Return whom a token belongs to, None for a wrong one. Raises TooManyFailures."""
        digest = digest_of(token[: _MAX_CHARACTERS + 1])
        with self._lock:
            if (address, digest) not in self._used:
                self._check(address)
            holder = self._find(digest)
            if holder is None:
                self._used.pop((address, digest), None)
                self._failures.setdefault(address, []).append(self._clock())
                _shorten(self._failures)
            else:
                self._used[address, digest] = None
                _shorten(self._used)
            return holder

    def _find(self, digest: str) -> H | None:
        """Return the holder of a digest; takes the same time for each."""
        right = [holder for known, holder in self._holders().items() if hmac.compare_digest(known, digest)]
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
