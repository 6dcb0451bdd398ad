"""Decide which lane a data row belongs to.

A lane has at most one open chunk. So two imports of one data row never overlap, although no key in Redis stands for a
data row.
"""

from zlib import crc32

DEFAULT_LANES = 8
"""Lanes of a new project: as many as it may have chunks open (`open_chunks`). With more lanes the frames of a small
project would be smaller, which costs each of its rows; with fewer, fewer of its imports could run at a time."""
MAX_LANES = 1024
"""Maximum lanes of a project: every script that looks at a project reads all of them. `publish.lua` refuses more."""


def lane_of(data_row_key: str, lanes: int) -> int:
    """Return the lane of a data row, given as `i:<id>` or `k:<global key>`.

    This function must never change: the order of messages depends on each data row keeping its lane.
    """
    return crc32(data_row_key.encode()) % lanes
