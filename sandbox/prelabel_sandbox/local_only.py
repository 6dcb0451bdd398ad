"""The rule for the pages and the control of the sandbox: only its own machine has access, without a key."""

import ipaddress

from starlette.requests import Request


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
