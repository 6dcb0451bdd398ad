"""The form of addresses: a scheme in any case, and a host (RFC 3986, sections 3.1 and 3.2)."""

import re
from typing import Any

_REST = r"(?:[^\s/?#@\\]*@)?(?:\[[0-9a-f:.]+\]|\w[^\s/?#@\\:\[\]]*)(?::\d{0,5})?(?:[/?#].*)?"
_ADDRESS = re.compile(f"[a-z][a-z0-9+.-]*://{_REST}", re.IGNORECASE | re.DOTALL)
WEB = ("http", "https")


def is_address(value: Any, *schemes: str) -> bool:
    """Return whether a value is an address with a host and one of these schemes."""
    return isinstance(value, str) and has_scheme(value, *schemes) and _ADDRESS.fullmatch(value) is not None


def plain(address: str) -> str:
    """Return an address with its scheme in lower case."""
    scheme, mark, rest = address.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else address


def has_scheme(text: str, *schemes: str) -> bool:
    """Return whether an address has one of these schemes, in any case."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme.lower() in schemes
