"""Labelbox's endpoint: its addresses, made of its parts once, and which keys may be sent there; host names. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

EXPECTED = "expected https://host/graphql"
SANDBOX_KEY = "sandbox"
"""How a key begins that no Labelbox gave out. Such a key is no secret, so it may travel in clear."""
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST = 253
_QUERIES = re.compile(r"/graphql(?=/?$)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service at two addresses, of the same scheme, host and port."""

    #: Where all requests go but those about batches.
    queries: str
    #: Where requests about batches go (docs/reference/labelbox-api.md#1-1): the same path with `/_gql` for its last
    #: part, `/graphql`. The same address where the path ends otherwise.
    batches: str
    #: `http` or `https`.
    scheme: str
    #: In lower case; an IPv6 address without its brackets.
    host: str

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read an endpoint's URL. Raises ValueError with what was expected, without the text."""
        if not all("!" <= character <= "~" for character in text) or "\\" in text:
            raise ValueError(f"{EXPECTED}; found a space, a backslash or a character that is not ASCII")
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(EXPECTED)
        if "@" in parts.netloc or parts.fragment:
            raise ValueError(f"{EXPECTED}; found a user or a fragment, which it cannot have")
        batches = parts._replace(path=_QUERIES.sub("/_gql", parts.path))
        return cls(parts.geturl(), batches.geturl(), parts.scheme, parts.hostname or "")

    @property
    def here(self) -> bool:
        """Whether it is on this machine, by its name alone."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """Scheme and host, for a person."""
        return f"{self.scheme}://{self.host}"

    def may_have(self, key: str) -> bool:
        """Whether the key is safe on its way: encrypted, within this machine, or no secret."""
        return self.scheme == "https" or self.here or key.startswith(SANDBOX_KEY)

    @property
    def refusal(self) -> str:
        """Why a key is not sent there, and what to do."""
        return (
            f"the endpoint is {self.address}: set PRELABEL_LABELBOX_ENDPOINT to an https address: the key travels in "
            "clear otherwise; nothing was asked"
        )


def is_host(text: str) -> bool:
    """Whether this can be a host's name or address: a resolver raises errors of its own for what cannot."""
    if ":" in text and "%" not in text:  # no address of another machine names an interface of this one
        try:
            return bool(ipaddress.IPv6Address(text))
        except ValueError:
            return False
    return len(text) <= _MAX_HOST and all(map(_LABEL.fullmatch, text.removesuffix(".").split(".")))
