"""Labelbox's endpoint, and which keys may be sent there; the checks of web addresses and host names. No I/O."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

EXPECTED = "expected https://host/graphql"
SANDBOX_KEY = "sandbox"
"""The prefix of keys for the sandbox. Such a key is no secret, so it may travel unencrypted."""
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST = 253
_QUERIES = re.compile(r"/graphql(?=/?$)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service at two addresses, which have the same scheme, host and port."""

    #: The address for all requests except those about batches.
    queries: str
    #: The address for requests about batches (docs/reference/labelbox-api.md#1-1): `/_gql` replaces the `/graphql` at
    #: the end of the path. If the path ends otherwise, the same as `queries`.
    batches: str
    #: `http` or `https`.
    scheme: str
    #: In lower case; an IPv6 address without its brackets.
    host: str

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Parse an endpoint's URL. Raises ValueError, whose message never quotes the text."""
        parts = web_address(text, EXPECTED)
        batches = parts._replace(path=_QUERIES.sub("/_gql", parts.path))
        return cls(parts.geturl(), batches.geturl(), parts.scheme, parts.hostname or "")

    @property
    def here(self) -> bool:
        """Whether the host's name means this machine."""
        return is_this_machine(self.host)

    @property
    def address(self) -> str:
        """Scheme and host, for a person."""
        return f"{self.scheme}://{self.host}"

    def may_have(self, key: str) -> bool:
        """Return whether this key may be sent here: encrypted, within this machine, or a key that is no secret."""
        return self.scheme == "https" or self.here or key.startswith(SANDBOX_KEY)

    @property
    def refusal(self) -> str:
        """The error text for a key that must not be sent here: why, and what to do."""
        return (
            f"the endpoint is {self.address}: set PRELABEL_LABELBOX_ENDPOINT to an https address: the key travels in "
            "clear otherwise; nothing was asked"
        )


def web_address(text: str, expected: str = "expected https://host/path") -> SplitResult:
    """Return the parts of an http or https address. Raises ValueError, whose message never quotes the text."""
    if not all("!" <= character <= "~" for character in text) or "\\" in text:
        raise ValueError(f"{expected}; found a space, a backslash or a character that is not ASCII")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(expected)
    if "@" in parts.netloc or parts.fragment:
        raise ValueError(f"{expected}; found a user or a fragment, which it cannot have")
    return parts


def is_this_machine(host: str) -> bool:
    """Return whether a host's name means this machine: `localhost` or a loopback address. It is not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_host(text: str) -> bool:
    """Return whether the text can be a host's name or address. For other texts a resolver raises unexpected errors."""
    if ":" in text and "%" not in text:  # after `%` comes an interface of this machine: no remote host has one
        try:
            return bool(ipaddress.IPv6Address(text))
        except ValueError:
            return False
    return len(text) <= _MAX_HOST and all(map(_LABEL.fullmatch, text.removesuffix(".").split(".")))
