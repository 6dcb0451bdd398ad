"""Which lane a data row belongs to.

A lane has at most one open chunk, so two imports of one data row never overlap, without Redis knowing any row.
"""

from zlib import crc32

DEFAULT_LANES = 16
MAX_LANES = 1024
"""Largest lane count of a project: every script that looks at a project walks its lanes. `publish.lua` refuses more."""


def lane_of(data_row_key: str, lanes: int) -> int:
    """The lane of a data row, given as `i:<id>` or `k:<global key>`. Fixed for ever: it decides order."""
    return crc32(data_row_key.encode()) % lanes
