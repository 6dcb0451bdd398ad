"""Refuses requests that a foreign web page makes in the browser of a person who also runs the sandbox.

A page of any site can send requests to this machine. It can also give its own host name this machine's address to read
the answers (DNS rebinding). So every request is checked before it is handled: the host name that it was sent to, the
page that it came from, and the content type of its body.
"""

import ipaddress
import re
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prelabel_sandbox.local_only import is_loopback

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?P<port>:[0-9]{1,5})?")
_GRAPHQL = ("/graphql", "/_gql")
_READING = ("GET", "HEAD")
_SHOWN_CHARACTERS = 100
_ANSWERS = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: the HTTP status, and a sentence for the person who sent it."""

    status: int
    text: str


class Names:
    """The names under which the sandbox may be reached.

    `localhost`, loopback addresses and the `allowed` names are always accepted. If the sandbox listens for other
    machines, any address is accepted too: DNS rebinding works only with names.
    """

    def __init__(self, allowed: tuple[str, ...], *, listens_on: str) -> None:
        self._allowed = {"localhost", *(name.lower().rstrip(".") for name in allowed)}
        self._any_address = not is_loopback(listens_on)

    def have(self, name: str) -> bool:
        """Return whether a request may be sent to this name or address."""
        address = _address(name)
        if address is None:
            return name.lower().rstrip(".") in self._allowed
        return address.is_loopback or self._any_address or str(address) in self._allowed


def refusal(method: str, path: str, headers: Headers, names: Names) -> Refusal | None:
    """Return why a request is refused, or None."""
    hosts = headers.getlist("host")
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        return Refusal(400, f"expected one Host header with a valid name or address; Host headers found: {len(hosts)}")
    name = match["name"].strip("[]")
    if not names.have(name):
        shown = name[:_SHOWN_CHARACTERS]
        return Refusal(421, f"{shown!r} is not a name of the sandbox; to add a name, start it with --allowed-host")
    return _of_another_page(method, headers, hosts[0]) or _of_another_type(method, path, headers)


def _of_another_page(method: str, headers: Headers, host: str) -> Refusal | None:
    """Refuse requests from pages of other sites; only following a link from there to one of our pages is allowed."""
    origins = headers.getlist("origin")
    if any(_without_port(origin.lower()) != _without_port(f"http://{host.lower()}") for origin in origins):
        return Refusal(403, "the request comes from a page of another origin; only the sandbox's own pages may send it")
    site = headers.get("sec-fetch-site", "none")
    follows_link = method in _READING and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("none", "same-origin") and not (follows_link and headers.get("sec-fetch-dest") == "document"):
        return Refusal(403, "the request comes from a page of another site; only the sandbox's own pages may send it")
    return None


def _of_another_type(method: str, path: str, headers: Headers) -> Refusal | None:
    """Refuse a body of any other content type: a foreign page can send some types without asking first.

    Requests without a content type are accepted: a browser adds the page's origin to them, and it is checked before.
    """
    if method in _READING or "content-type" not in headers:
        return None
    allowed = ("application/json", "multipart/form-data") if path in _GRAPHQL else ("application/json",)
    types = [value.partition(";")[0].strip().lower() for value in headers.getlist("content-type")]
    if len(types) == 1 and types[0] in allowed:
        return None
    return Refusal(415, f"expected a body of the content type {' or '.join(allowed)}; found another type")


def _without_port(origin: str) -> str:
    """Return an http origin without the port that it has by default."""
    return origin.removesuffix(":80")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class Guard:
    """ASGI middleware that refuses such requests and lets no page of another site embed an answer."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request, or pass it to the app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = refusal(scope["method"], scope["path"], Headers(scope=scope), self._names)
        if refused is not None:
            await JSONResponse({"error": refused.text}, refused.status, _ANSWERS)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_ANSWERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
