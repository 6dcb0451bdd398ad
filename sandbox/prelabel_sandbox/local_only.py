"""Whether something is on this machine: who may see the pages and control the sandbox, and what pages may read."""

import ipaddress

from starlette.requests import Request


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine. Only such requests may see pages or control the sandbox."""
    return request.client is not None and is_this_machine(request.client.host)


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine: `localhost` or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
