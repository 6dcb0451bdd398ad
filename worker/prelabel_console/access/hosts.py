"""Refuses requests that a foreign web page makes in the browser of a person who also uses the console.

A page of any site can send requests to this machine, and can give its own host name this machine's address to read the
answers (DNS rebinding). So each request is checked before anything else: the name that it was sent to, and the page
that it comes from.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from prelabel_worker.labelbox.endpoint import is_this_machine

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?P<port>:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(?P<host>[^/]+)")
_READING = ("GET", "HEAD")
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: the HTTP status, and a sentence for the person who sent it."""

    status: int
    text: str


class Hosts:
    """The names at which the console may be reached.

    `localhost`, loopback addresses and the `allowed` names always. If the console listens for other machines, any
    address too: DNS rebinding works only with names.
    """

    def __init__(self, allowed: Iterable[str], *, listens_on: str) -> None:
        self._allowed = {"localhost", *(name.lower().rstrip(".") for name in allowed)}
        self._any_address = not is_this_machine(listens_on)

    def have(self, name: str) -> bool:
        """Return whether a request may be sent to this name or address."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self._allowed
        return address.is_loopback or self._any_address or str(address) in self._allowed


def refusal(method: str, headers: Headers, hosts: Hosts) -> Refusal | None:
    """Return why a request is refused, or None."""
    sent_to = headers.getlist("host")
    match = _HOST.fullmatch(sent_to[0]) if len(sent_to) == 1 else None
    if match is None:
        return Refusal(400, f"expected one Host header with a valid name or address; found {len(sent_to)}")
    name = match["name"].strip("[]")
    if not hosts.have(name):
        shown = name[:_SHOWN_CHARACTERS]
        return Refusal(421, f"{shown!r} is not a name of this console; to add it, start it with --allowed-host {shown}")
    return _of_another_page(method, headers, sent_to[0])


def _of_another_page(method: str, headers: Headers, host: str) -> Refusal | None:
    """Refuse requests from pages of other sites; only following a link from there to a page is allowed."""
    refused = Refusal(403, "the request comes from a page of another site; only the console's own pages may send it")
    if any(_authority(origin) != _without_port(host.lower()) for origin in headers.getlist("origin")):
        return refused
    site = headers.get("sec-fetch-site", "none")
    follows_link = method in _READING and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("none", "same-origin") and not (follows_link and headers.get("sec-fetch-dest") == "document"):
        return refused
    return None


def says_its_page(headers: Headers) -> bool:
    """Return whether a request says which page it comes from, as each browser does for a form."""
    return "origin" in headers or "sec-fetch-site" in headers


def _authority(origin: str) -> str | None:
    """Return host and port of an origin. The scheme is left out, since a proxy may have ended TLS."""
    match = _ORIGIN.fullmatch(origin.lower())
    return _without_port(match["host"]) if match else None


def _without_port(host: str) -> str:
    """Return a host without the port that its scheme has by default."""
    return host.removesuffix(":80").removesuffix(":443")
