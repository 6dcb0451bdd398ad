"""Routes: each with the role that it needs. Pages are shown by GET; acts change something, by POST."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import redis
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from prelabel.errors import PrelabelError
from prelabel.wire.client import explained, is_away, remedy_of, words_of
from prelabel_console.access.roles import Role
from prelabel_console.console import console_of, visitor_of
from prelabel_console.render import render
from prelabel_worker.errors import ProjectUnreadable

Page = Callable[[Request], Response]
"""Answers a request; runs in a thread, so it may wait for Redis."""
FORM_BYTES = 64 << 10
"""Maximum size of a form, unless a route says otherwise."""
_DEFECT = "The console has a defect; its log has more. The rows are not affected: workers run without the console."
_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 200


class Missing(Exception):
    """What the address names does not exist; the text says what."""


class Conflict(Exception):
    """Somebody else has changed what the act is about; the text says what happened and what to do."""


class Rejected(Exception):
    """The form cannot be carried out as it was filled in; the text says what is wrong."""


class Form(Mapping[str, str]):
    """The fields of a form; a field that was not sent is empty."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._fields = dict(pairs)

    def __getitem__(self, name: str) -> str:
        """Return the last value of a field, '' without one."""
        return self._fields.get(name, "")

    def __contains__(self, name: object) -> bool:
        """Return whether a field was sent."""
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._fields)


_log = structlog.get_logger(__name__)
Act = Callable[[Request, Form], Response]
"""Carries out a form; runs in a thread."""


class ConsoleRoute(Route):
    """A route that needs a role, or is open to everybody."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, name: str, method: str, role: Role | None) -> None:
        super().__init__(path, endpoint, name=name, methods=[method])
        #: The lowest role that may use it; None if nobody needs to sign in.
        self.role = role


def page(path: str, answer: Page, name: str, role: Role = Role.VIEWER) -> ConsoleRoute:
    """Return the route of a page, which changes nothing."""

    async def endpoint(request: Request) -> Response:
        return await _answer(request, role, lambda: answer(request))

    return ConsoleRoute(path, endpoint, name=name, method="GET", role=role)


def act(
    path: str, carry_out: Act, name: str, role: Role = Role.OPERATOR, *, max_bytes: int = FORM_BYTES
) -> ConsoleRoute:
    """Return the route of an act; a form of more than `max_bytes` is refused."""

    async def endpoint(request: Request) -> Response:
        if not visitor_of(request).may(role):
            return _not_allowed(request, role)
        form = await read_form(request, max_bytes)
        return await _answer(request, role, lambda: carry_out(request, form))

    return ConsoleRoute(path, endpoint, name=name, method="POST", role=role)


def open_page(path: str, endpoint: Callable[..., Any], name: str, *, method: str = "GET") -> ConsoleRoute:
    """Return a route that needs no role: it must neither show nor change anything."""
    return ConsoleRoute(path, endpoint, name=name, method=method, role=None)


async def read_form(request: Request, max_bytes: int = FORM_BYTES) -> Form:
    """Return the fields of a form. Raises HTTPException for another type, or one that is too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise HTTPException(415, f"expected a form of the type {_FORM_TYPE}")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                raise HTTPException(413, f"expected a form of at most {max_bytes:,} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the form ended early") from None
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, f"expected at most {_MAX_FIELDS} fields, encoded as a browser does") from None
    return Form([(name, value.replace("\r\n", "\n")) for name, value in pairs])


async def _answer(request: Request, role: Role, answer: Callable[[], Response]) -> Response:
    if not visitor_of(request).may(role):
        return _not_allowed(request, role)
    try:
        return await run_in_threadpool(answer)
    except Missing as error:
        return message(request, 404, "Nothing here", str(error))
    except Conflict as error:
        return message(request, 409, "Somebody was faster", str(error))
    except Rejected as error:
        return message(request, 422, "Not carried out", str(error))
    except ProjectUnreadable as error:
        return message(request, 200, "This project cannot be read", str(error))
    except PrelabelError as error:
        return message(request, 503, "Not possible now", str(error))
    except (redis.RedisError, TimeoutError) as error:
        if isinstance(error, TimeoutError) or is_away(error) or remedy_of(error) is not None:
            return redis_away(request, error)
        return defect(request, error)
    except Exception as error:
        return defect(request, error)


def message(request: Request, status: int, title: str, text: str) -> Response:
    """Return a page with one sentence."""
    return render(request, "message.html", code=status, title=title, text=text)


def redis_away(request: Request, error: Exception) -> Response:
    """Return the page that says what is wrong with Redis, and what doctor would say."""
    remedy = remedy_of(error)
    silent = isinstance(error, redis.ConnectionError | redis.TimeoutError | TimeoutError)
    title = "Redis cannot be used" if remedy else "Redis does not answer" if silent else "Redis refuses this now"
    return render(
        request,
        "away.html",
        code=503,
        title=title,
        place=str(console_of(request).settings.state),
        problem=explained(error, remedy) if remedy or silent else f"refuses: {words_of(error)}",
        remedy=remedy,
    )


def defect(request: Request, error: Exception) -> Response:
    """Return the page after a defect of the console. Its type and place are logged, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    _log.error("console.defect", path=request.url.path, error=type(error).__name__, at=at)
    return message(request, 500, "This did not work", _DEFECT)


def _not_allowed(request: Request, role: Role) -> Response:
    name = visitor_of(request).role.label
    return message(request, 403, "Not allowed", f"This needs the role {role.label}; you are signed in as {name}.")
