"""Held rows in parts that one round trip to Redis carries."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

SLICE = 200
"""Maximum number of held rows in a part."""
SLICE_BYTES = 4_000_000
"""Maximum bytes of messages in a part; a part of one row may be larger."""
_Row = TypeVar("_Row")


def parts(rows: Iterable[_Row], bytes_of: Callable[[_Row], int], most: int = SLICE) -> Iterator[list[_Row]]:
    """Yield the rows in order, `most` at a time or fewer when they are large."""
    part: list[_Row] = []
    size = 0
    for row in rows:
        if part and (len(part) == most or size + bytes_of(row) > SLICE_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += bytes_of(row)
    if part:
        yield part
