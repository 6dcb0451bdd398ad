"""A proxy that authenticates people and names them in a header."""

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers

from prelabel.printing import printable
from prelabel_console.access.roles import Role, Visitor

_MAX_NAME = 100
_LOOPBACK = ("127.0.0.0/8", "::1/128")


class Proxy:
    """Believes the header of requests that come from the proxy's addresses, and of no others."""

    def __init__(self, header: str, role: Role, addresses: Iterable[str] = ()) -> None:
        self._header = header
        self._role = role
        self._networks = [ipaddress.ip_network(text, strict=False) for text in (*_LOOPBACK, *addresses)]

    def visitor(self, headers: Headers, address: str) -> Visitor | None:
        """Return whom the proxy names; None if it names nobody, or somebody else sends the request."""
        names: Sequence[str] = headers.getlist(self._header)
        if len(names) != 1 or not names[0].strip() or not self._is_here(address):
            return None
        return Visitor(printable(names[0].strip()[:_MAX_NAME]), self._role, "proxy")

    def _is_here(self, address: str) -> bool:
        try:
            sender = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(sender in network for network in self._networks)
