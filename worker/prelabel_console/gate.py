"""The gate in front of all routes: whom a request is sent to, where it comes from, and whose it is."""

from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prelabel.access_tokens import TooManyFailures
from prelabel_console.access.access import Access, cookie, cookie_name, set_cookie
from prelabel_console.access.hosts import refusal
from prelabel_console.render import HEADERS, render

OPEN = ("/healthz", "/sign-in")
"""The paths that nobody needs to sign in for; and the files below `/static/`."""
_STATIC = "/static/"


class Gate:
    """ASGI middleware: a request reaches a route only with `request.state.visitor`, except at the open paths."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not pass, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith(_STATIC):
                    headers["Cache-Control"] = "no-cache"  # kept, but asked about: an upgrade changes the files
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refused(scope)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """Return the answer to a request that may not pass; None for one that may, with its visitor set."""
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        refused = refusal(method, headers, self._access.hosts)
        if refused is not None:
            return JSONResponse({"error": refused.text}, refused.status)
        if path in OPEN or path.startswith(_STATIC):
            return None
        request = Request(scope)
        address = scope["client"][0] if scope.get("client") else ""
        try:
            token = request.query_params.get("token")
            if token is not None and method == "GET":
                return self._signed_in(request, token, address)
            visitor = self._access.visitor(method, headers, address)
        except TooManyFailures as error:
            return sign_in_page(request, 429, str(error), wait=error.seconds)
        if visitor is None:
            return sign_in_page(request, 401)
        request.state.visitor = visitor
        return None

    def _signed_in(self, request: Request, token: str, address: str) -> Response:
        """Return the redirect to the same page without the token, which a cookie has from now on."""
        if self._access.tokens.holder(token, address) is None:
            return sign_in_page(request, 401, "This token is not known here.")
        return with_cookie(request, token, _target(request))


def with_cookie(request: Request, token: str, path: str) -> Response:
    """Return a redirect to one of our pages that also sets the cookie."""
    # Two slashes at the beginning would lead to another host.
    response = RedirectResponse(f"/{path.lstrip('/')}", 303)
    response.headers.append("Set-Cookie", set_cookie(request.headers, cookie_name(request.headers), token))
    return response


def sign_in_page(request: Request, status: int, problem: str = "", *, wait: float = 0) -> Response:
    """Return the page that asks for a token, or JSON for a program; a cookie that does not count is removed."""
    if "text/html" not in request.headers.get("accept", ""):
        text = problem or "expected a token: Authorization: Bearer …"
        response: Response = JSONResponse({"error": text}, status)
    else:
        headers = request.headers
        # A link on a page of another site was followed: the browser withholds the cookie until our own page asks.
        withheld = headers.get("sec-fetch-site") == "cross-site" and not problem
        response = render(
            request, "sign_in.html", code=status, problem=problem, withheld=withheld, target=_target(request)
        )
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
        name = cookie_name(request.headers)
        if cookie(request.headers, name) is not None:
            response.headers.append("Set-Cookie", set_cookie(request.headers, name, "", 0))
    if wait:
        response.headers["Retry-After"] = str(int(wait) + 1)
    return response


def _target(request: Request) -> str:
    """Return the page that was asked for, without the token; the browser opens it after signing in."""
    kept = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "token"]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")
