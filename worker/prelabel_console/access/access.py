"""Whose request it is: by cookie, by bearer token or by a proxy's header."""

from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie

from starlette.datastructures import Headers

from prelabel.access_tokens import Tokens
from prelabel_console.access.hosts import Hosts, says_its_page
from prelabel_console.access.proxy import Proxy
from prelabel_console.access.roles import Holder, Visitor

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one console."""

    #: The names at which it may be reached.
    hosts: Hosts
    #: The tokens that it accepts.
    tokens: Tokens[Holder]
    #: The proxy that authenticates; None if there is none.
    proxy: Proxy | None = None

    def visitor(self, method: str, headers: Headers, address: str) -> Visitor | None:
        """Return who sends a request, None if it does not say so. Raises TooManyFailures.

        A browser sends cookies, and a proxy adds its header, whoever made the page; so a request that changes something
        must also say which page it comes from. A page of another site cannot add a bearer token.
        """
        authorization = headers.get("authorization", "")
        if authorization.lower().startswith(_BEARER):
            holder = self.tokens.holder(authorization[len(_BEARER) :].strip(), address)
            return Visitor(holder.name, holder.role, "bearer") if holder else None
        if method not in ("GET", "HEAD") and not says_its_page(headers):
            return None
        token = cookie(headers, cookie_name(headers))
        if token is not None and (holder := self.tokens.holder(token, address)) is not None:
            return Visitor(holder.name, holder.role, "cookie")
        return self.proxy.visitor(headers, address) if self.proxy else None


def cookie_name(headers: Headers) -> str:
    """Return the name of the cookie with the token.

    It has the port, since a browser sends the cookies of one host to all its ports, and several consoles may run there.
    """
    port = headers.get("host", "").rpartition(":")[2]
    return f"prelabel-console-{port if port.isascii() and port.isdigit() else 'web'}"


def cookie(headers: Headers, name: str) -> str | None:
    """Return the value of a cookie; None without it."""
    for part in headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def set_cookie(headers: Headers, name: str, value: str, seconds: int | None = None) -> str:
    """Return a Set-Cookie header that scripts cannot read and other sites' pages do not cause to be sent."""
    jar: SimpleCookie = SimpleCookie()
    jar[name] = value
    morsel: Morsel[str] = jar[name]
    morsel["httponly"], morsel["samesite"], morsel["path"] = True, "Strict", "/"
    if seconds is not None:
        morsel["max-age"] = seconds
    if headers.get("x-forwarded-proto", "").lower() == "https":
        morsel["secure"] = True
    return morsel.OutputString()
