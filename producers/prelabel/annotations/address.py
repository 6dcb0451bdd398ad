"""Addresses from which Labelbox fetches an image: http or https, with a host."""

import re

EXPECTED = "an http(s) address with a host"
_USUAL = re.compile(r"https?://\w[\w.-]*(?:[/?#]|\Z)")  # nearly all; the other pattern takes four times as long
_ADDRESS = re.compile(
    r"https?://(?:[^\s/?#@\\]*@)?(?:\[[0-9a-f:.]+\]|\w[^\s/?#@\\:\[\]]*)(?::\d{0,5})?(?:[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)


def is_address(text: str) -> bool:
    """Return whether Labelbox could fetch from an address; schemes are compared without case (RFC 3986, 3.1)."""
    return _USUAL.match(text) is not None or _ADDRESS.fullmatch(text) is not None
