"""The accepted spellings of a uuid, and the one form they are compared in (docs/reference/labelbox-format.md#1-3)."""

import re
from typing import Any

_UUID = re.compile(r"(\{)?[0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7}(?(1)\})")


def canonical(value: Any) -> bytes | None:
    """16 bytes; None for what is not a uuid."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        return None
    return bytes.fromhex(value.strip("{}").replace("-", ""))
