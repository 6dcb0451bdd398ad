"""Ids that sort by time, and the form of a project's."""

import os
import struct
import time

MAX_PROJECT_ID = 64
PROJECT_ID = r"^[A-Za-z0-9_-]+\Z"
"""What a project's id looks like. It is here so that commands which only read need not load the models of messages."""
_HALVES = struct.Struct(">QQ")
_RANDOM = struct.Struct(">HQ")
_DRAWN = 256


def uuid7() -> bytes:
    """Return the 16 bytes of a UUIDv7 (RFC 9562), which sort by the millisecond and have 74 random bits."""
    return _now_with(*_RANDOM.unpack(os.urandom(_RANDOM.size)))


def message_uuid7() -> bytes:
    """Return a UUIDv7 whose random bits were drawn with those of others: half the time, for an id of every row.

    A copy of the process that Python does not know of, such as a restored snapshot, may draw the same bits. So this is
    not for frames, of which Redis accepts one with each id.
    """
    try:
        bits = _drawn.pop()
    except IndexError:
        fresh = list(_RANDOM.iter_unpack(os.urandom(_RANDOM.size * _DRAWN)))
        bits = fresh.pop()
        _drawn.extend(fresh)
    return _now_with(*bits)


def _now_with(a: int, b: int) -> bytes:
    """Return the UUIDv7 of this millisecond with 12 bits of `a` and 62 of `b`."""
    milliseconds = time.time_ns() // 1_000_000
    return _HALVES.pack(milliseconds << 16 | 0x7000 | a & 0xFFF, 0x8000_0000_0000_0000 | b >> 2)


_drawn: list[tuple[int, int]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)
