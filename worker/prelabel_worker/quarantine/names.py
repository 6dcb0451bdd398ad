"""Tell names that a project can have from others, and print any name safely. No I/O.

Everybody who may publish can write the set of projects, so it may contain any bytes.
"""

import re
from collections.abc import Iterable

from prelabel.ids import MAX_PROJECT_ID, PROJECT_ID

_PROJECT_ID = re.compile(PROJECT_ID)
_HEX = "hex:"
_SHOWN_BYTES = 64


def project_id(name: bytes) -> str | None:
    """Return the name as a project's id, or None when no project can have it."""
    if len(name) > MAX_PROJECT_ID:
        return None
    text = name.decode("ascii", "replace")
    return text if _PROJECT_ID.match(text) else None


def project_ids(names: Iterable[bytes]) -> list[str]:
    """Return the names that a project can have, as ids, in the same order; skip the others."""
    return [id_ for name in names if (id_ := project_id(name)) is not None]


def spelled(name: bytes) -> str:
    """Return the name in a form that is safe in a terminal: visible ASCII unchanged, other names as `hex:…`."""
    text = name.decode("ascii", "replace")
    if re.fullmatch(r"[!-~]+", text) and not text.startswith(_HEX):
        return text
    return _HEX + name.hex()


def shortened(name: bytes) -> str:
    """Return the form of `spelled`, shortened for a log line or a table."""
    return spelled(name) if len(name) <= _SHOWN_BYTES else f"{spelled(name[:_SHOWN_BYTES])}… ({len(name):,} bytes)"


def unspelled(text: str) -> bytes:
    """Return the name for a text that `spelled` returned. Raises ValueError for other texts."""
    return bytes.fromhex(text.removeprefix(_HEX)) if text.startswith(_HEX) else text.encode("utf-8", "surrogateescape")
