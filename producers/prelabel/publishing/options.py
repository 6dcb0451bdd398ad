"""The options of a publisher: their defaults, and which values they accept. The only place that has either.

Every option is checked when the publisher is made. An error names the option, what was expected and what was found.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from prelabel.errors import shorten
from prelabel.publishing.buffer import Limits
from prelabel.publishing.inbox import MAX_INBOX_ROWS
from prelabel.wire import keys
from prelabel.wire.durability import Durability
from prelabel.wire.frame import MAX_FRAME_BYTES, MAX_FRAME_ROWS
from prelabel.wire.redis_url import RedisUrl

_WhenFull = Literal["block", "raise"]
_FRAME_SLOW = 250
_MANY = 10**12
_MIB = 1024 * 1024
_LONGEST_LINGER_SECONDS = 3600
_LONGEST_BLOCK_SECONDS = 86_400
_OF_A_FRAME = f": a frame has at most {MAX_FRAME_ROWS} rows and {MAX_FRAME_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class Check:
    """The values that an option accepts."""

    #: These values in words, as errors name them.
    expected: str
    #: Returns whether a value is one of them; it may be of any type.
    accepts: Callable[[Any], bool]

    def __call__(self, name: str, value: Any) -> None:
        """Raise ValueError if the value of the option `name` is none of them."""
        if not self.accepts(value):
            raise ValueError(f"{name}: expected {self.expected}, found {shorten(repr(value))}")


def _is_number(value: Any, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def whole(high: int = _MANY, why: str = "") -> Check:
    """Accept whole numbers from 1 to `high`."""
    return Check(f"a whole number from 1 to {high:,}{why}", lambda value: _is_number(value, int) and 1 <= value <= high)


def _seconds(high: int) -> Check:
    return Check(
        f"a number of seconds from 0 to {high:,}", lambda value: _is_number(value, int, float) and 0 <= value <= high
    )


def _is_days(value: Any) -> bool:
    return _is_number(value, int, float) and 0 < value <= _MANY


def _one_of(names: tuple[str, ...]) -> Check:
    return Check(" or ".join(map(repr, names)), lambda value: isinstance(value, str) and value in names)


def _is_folder(value: Any) -> bool:
    if value is None:
        return True
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else b""
    return isinstance(path, str) and path != "" and "\0" not in path


TIMEOUT = Check(
    "a number of seconds of at least 0, or None",
    lambda value: value is None or (_is_number(value, int, float) and 0 <= value < math.inf),
)
"""The timeouts of `flush()` and `close()`."""


_WHEN_FULL = _one_of(get_args(_WhenFull))
_DURABILITY = _one_of(get_args(Durability))
_FOLDER = Check("the path of a folder, or None", _is_folder)

is_mapping = Check(
    "a mapping of predictions, such as read_mapping(…) returns, or None",
    lambda value: value is None or hasattr(value, "messages"),  # its class is not loaded with every publisher
)


def _option(default: Any, check: Check) -> Any:
    return field(default=default, metadata={"check": check})


@dataclass(frozen=True, kw_only=True)
class PublisherSettings:
    """The options of a publisher, checked; they are documented at `Publisher`. Raises ValueError for a wrong one."""

    redis_url: RedisUrl
    key_prefix: str = _option(
        keys.DEFAULT_PREFIX, Check(f"1 to 64 characters of {keys.PREFIX_CHARACTERS}", keys.is_prefix)
    )
    linger_seconds: float = _option(0.05, _seconds(_LONGEST_LINGER_SECONDS))
    frame_rows: int = _option(256, whole(MAX_FRAME_ROWS, _OF_A_FRAME))
    frame_bytes: int = _option(4 * _MIB, whole(MAX_FRAME_BYTES, _OF_A_FRAME))
    send_rows: int = _option(3072, whole())
    send_bytes: int = _option(4 * _MIB, whole())
    max_rows: int = _option(50_000, whole())
    max_bytes: int = _option(256 * _MIB, whole())
    when_full: _WhenFull = _option("block", _WHEN_FULL)  # noqa: RUF009 - it returns a field
    block_seconds: float = _option(30.0, _seconds(_LONGEST_BLOCK_SECONDS))
    durability: Durability = _option("fsync", _DURABILITY)  # noqa: RUF009
    max_inbox_rows: int = _option(MAX_INBOX_ROWS, whole())
    spool_dir: str | os.PathLike[str] | None = _option(None, _FOLDER)  # noqa: RUF009
    spool_bytes: int = _option(1024 * _MIB, whole())
    spool_max_age_days: float = _option(6.0, Check("a number of days greater than 0", _is_days))
    journal: bool = _option(False, Check("True or False", lambda value: isinstance(value, bool)))

    def __post_init__(self) -> None:
        for option in fields(self):
            if check := option.metadata.get("check"):
                check(option.name, getattr(self, option.name))
        if self.spool_bytes < self.frame_bytes:
            raise ValueError(
                f"spool_bytes: expected at least {self.frame_bytes:,}, which is frame_bytes: a smaller spool cannot "
                f"hold every frame; found {self.spool_bytes:,}"
            )
        if self.journal and self.spool_dir is None:
            raise ValueError("journal: expected a spool_dir with it, since that folder has the journal; found none")

    @property
    def limits(self) -> Limits:
        """The limits of sends and frames."""
        return Limits(
            send_rows=self.send_rows,
            send_bytes=self.send_bytes,
            frame_rows=self.frame_rows,
            frame_bytes=self.frame_bytes,
            frame_slow=_FRAME_SLOW,
            linger_seconds=self.linger_seconds,
        )

    @property
    def wait_seconds(self) -> float:
        """How long `publish()` waits for room; 0 when it raises at once."""
        return self.block_seconds if self.when_full == "block" else 0.0

    @property
    def spool_folder(self) -> Path | None:
        """The folder of the spools, an absolute path; None without a spool."""
        return None if self.spool_dir is None else Path(self.spool_dir).absolute()

    @property
    def spool_max_age_seconds(self) -> float:
        """Frames older than this are moved to `expired/`."""
        return self.spool_max_age_days * 86_400
