"""The rules about this machine: which host names mean it, and that only it may use the pages and the control."""

import ipaddress

from starlette.requests import Request


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine."""
    return request.client is not None and is_loopback_address(request.client.host)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine; of the names only `localhost` does."""
    return host == "localhost" or is_loopback_address(host)


def is_loopback_address(host: str) -> bool:
    """Return whether this is an address of the loopback interface; a name is none."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
