"""Sign in with a token, and out; and what probes ask."""

import anyio
import anyio.to_thread
import redis
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prelabel.access_tokens import TooManyFailures
from prelabel_console.access.access import cookie_name, set_cookie
from prelabel_console.console import console_of
from prelabel_console.endpoints import open_page, read_form
from prelabel_console.gate import sign_in_page, with_cookie
from prelabel_console.render import done, render

_PROBE_SECONDS = 0.5
"""How long a probe waits for Redis: the usual probe gives up after a second."""


async def show_sign_in(request: Request) -> Response:
    """Answer the page that asks for a token."""
    return render(request, "sign_in.html", problem="", withheld=False, target="/")


async def sign_in(request: Request) -> Response:
    """Check the token of the form; set the cookie and lead to the page that was asked for."""
    form = await read_form(request)
    address = request.client.host if request.client else ""
    try:
        holder = console_of(request).access.tokens.holder(form["token"].strip(), address)
    except TooManyFailures as error:
        return sign_in_page(request, 429, str(error), wait=error.seconds)
    if holder is None:
        return sign_in_page(request, 401, "This token is not known here.")
    return with_cookie(request, form["token"].strip(), form["target"] or "/")


async def sign_out(request: Request) -> Response:
    """Remove the cookie."""
    response = done(request, "/sign-in", "You are signed out.")
    response.headers.append("Set-Cookie", set_cookie(request.headers, cookie_name(request.headers), "", 0))
    return response


async def health(request: Request) -> Response:
    """Answer 200 while this process serves. Whether Redis answers is in the body.

    A probe that failed with Redis would restart consoles that are needed to say so.
    """
    client = console_of(request).client

    def answers() -> bool:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    redis_answers = False
    with anyio.move_on_after(_PROBE_SECONDS):
        redis_answers = await anyio.to_thread.run_sync(answers, abandon_on_cancel=True)
    return JSONResponse({"serves": True, "redisAnswers": redis_answers})


ROUTES = [
    open_page("/sign-in", show_sign_in, "sign-in"),
    open_page("/sign-in", sign_in, "signs-in", method="POST"),
    open_page("/sign-in/out", sign_out, "signs-out", method="POST"),
    open_page("/healthz", health, "health"),
]
