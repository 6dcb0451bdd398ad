"""What every reader yields: messages, and bad records by name; it goes on after a bad one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prelabel.errors import PrelabelError


class UnreadableSource(PrelabelError):
    """The file is not what its format says."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message, in its wire shape, and where in the source it stands."""

    where: str
    message: bytes | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no prediction, where it stands, and why."""

    where: str
    problem: str


Source = Iterator[Record | BadRecord]
