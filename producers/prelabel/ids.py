"""Ids that sort by time, and the form of a project's."""

import os
import time

MAX_PROJECT_ID = 64
PROJECT_ID = r"^[A-Za-z0-9_-]+\Z"
"""What a project's id looks like. It is here so that commands which only read need not load the models of messages."""


def uuid7() -> bytes:
    """Return the 16 bytes of a UUIDv7 (RFC 9562), which sort by the millisecond and have 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    return (value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62).to_bytes(16, "big")
