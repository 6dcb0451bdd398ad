"""Pure: which names can be a project's, and how one that cannot is spelled for people.

The set of projects is written by everybody who may publish, so any bytes can stand in it.
"""

import re
from collections.abc import Iterable

from prelabel.messages import MAX_PROJECT_ID, PROJECT_ID

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
    """Return those of the names that can be a project's, as ids, in order."""
    return [id_ for name in names if (id_ := project_id(name)) is not None]


def spelled(name: bytes) -> str:
    """Return a spelling of the name that is safe in a terminal: as it is when every byte is plain, else `hex:…`."""
    text = name.decode("ascii", "replace")
    if re.fullmatch(r"[!-~]+", text) and not text.startswith(_HEX):
        return text
    return _HEX + name.hex()


def shortened(name: bytes) -> str:
    """Return the spelling of a name for a log line or a table, of bounded length."""
    return spelled(name) if len(name) <= _SHOWN_BYTES else f"{spelled(name[:_SHOWN_BYTES])}… ({len(name):,} bytes)"


def unspelled(text: str) -> bytes:
    """Return the bytes that `spelled` stands for. Raises ValueError when what follows `hex:` is none."""
    return bytes.fromhex(text.removeprefix(_HEX)) if text.startswith(_HEX) else text.encode("utf-8", "surrogateescape")
