"""The accepted spellings of a uuid, and its bytes, which are compared (docs/reference/labelbox-format.md#1-3)."""

import re
from typing import Any

_UUID = re.compile(r"(\{)?[0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7}(?(1)\})")


def canonical(value: Any) -> bytes | None:
    """Return the 16 bytes of a uuid, or None if the value is not a uuid."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        return None
    return bytes.fromhex(value.strip("{}").replace("-", ""))
