"""The one form of times in output: ISO 8601 in UTC with milliseconds, such as `2026-11-29T13:00:00.123Z`."""

import time
from datetime import UTC, datetime, timedelta
from typing import Self

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
OUT_OF_RANGE = "out of range"
"""Shown for a time that no calendar has: anybody may have written what Redis holds."""


class UnixTime(float):
    """A Unix time in seconds, which output shows in ISO 8601.

    A record that declares a field as a `UnixTime` gets the right form in JSON. Durations are numbers of seconds, and
    their names end in `Seconds`.
    """

    __slots__ = ()

    @classmethod
    def now(cls) -> Self:
        """Return the time of this machine."""
        return cls(time.time())

    @classmethod
    def of_ms(cls, ms: float) -> Self:
        """Return the time that Redis holds as milliseconds."""
        return cls(ms / 1000)

    @classmethod
    def known(cls, ms: float | None) -> Self | None:
        """Return the time that Redis holds as milliseconds; None for a time that is not known, which may be 0 there."""
        return cls.of_ms(ms) if ms else None

    @classmethod
    def from_iso(cls, text: str) -> Self:
        """Return the time of RFC 3339 text. Raises ValueError if it is no such text, or names no zone."""
        named = datetime.fromisoformat(text)
        if named.tzinfo is None:
            raise ValueError("expected a time with its zone, such as 2026-01-31T12:00:00Z")
        return cls.of_ms((named - _EPOCH) // _MILLISECOND)

    @property
    def ms(self) -> int:
        """The time in milliseconds, as Redis holds it."""
        return round(self * 1000)

    def iso(self) -> str:
        """Return the time as output shows it."""
        try:
            moment = _EPOCH + timedelta(milliseconds=self.ms)
        except (OverflowError, ValueError):
            return OUT_OF_RANGE
        return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
