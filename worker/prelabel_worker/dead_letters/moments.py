"""Times as people type them: RFC 3339, or how long ago, such as `90s` or `2h`. No I/O."""

import re
from dataclasses import dataclass

from prelabel.unix_time import UnixTime

_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"\s+ago\Z")


def seconds_in(text: str) -> float | None:
    """Return the seconds of a duration such as `90s` or `2h`; None for any other text.

    A number alone is none: it could be seconds or minutes.
    """
    typed = _TYPED.fullmatch(text.strip())
    return float(typed[1]) * _SECONDS[typed[2]] if typed else None


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that somebody typed. One that is so long ago is counted back from Redis's clock, which dates the rows."""

    #: Unix time in ms, or ms before now.
    ms: int
    #: Whether `ms` is before now.
    is_ago: bool

    @classmethod
    def from_text(cls, text: str) -> "Moment":
        """Read a time, from RFC 3339 or from `2h`, `3d`, `3d ago`. Raises ValueError."""
        seconds = seconds_in(_AGO.sub("", text.strip()))
        if seconds is not None:
            return cls(int(seconds * 1000), is_ago=True)
        try:
            return cls(UnixTime.from_iso(text).ms, is_ago=False)
        except ValueError:
            raise ValueError("expected RFC 3339 with a zone, such as 2026-01-31T12:00:00Z, or 2h, 3d (ago)") from None

    def at(self, now_ms: int) -> int:
        """Return the Unix time in ms, when it is `now_ms` by Redis's clock."""
        return now_ms - self.ms if self.is_ago else self.ms
