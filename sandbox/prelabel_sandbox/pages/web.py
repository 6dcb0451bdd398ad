"""Helpers of all pages: who may see them, how they are rendered, and what the browser may load for them."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from prelabel_sandbox.local_only import is_local
from prelabel_sandbox.pages import formats
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.projects import Project

Page = Callable[[Request], Response]

_environment = Environment(
    loader=PackageLoader("prelabel_sandbox.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    count=formats.count,
    when=formats.when,
    lasted=formats.lasted,
    clock=formats.clock,
    size=formats.size,
    number=formats.number,
    segment=lambda text: quote(text, ""),
)
_templates = Jinja2Templates(env=_environment)


class Missing(Exception):
    """Something does not exist; the text says what."""


def shown(page: Page) -> Callable[[Request], Any]:
    """Return an endpoint for a page: it answers only this machine, and shows a message if something is missing."""

    async def endpoint(request: Request) -> Response:
        if not is_local(request):
            return _message(request, 403, "Not from here", "These pages are shown on the sandbox's own machine only.")
        try:
            return await run_in_threadpool(page, request)
        except Missing as missing:
            return _message(request, 404, "Nothing here", str(missing))

    return endpoint


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    sources: Iterable[str] = (),
    has_frame: bool = False,
    **context: Any,
) -> Response:
    """Render a page; `sources` are the further origins that its images, videos and sounds come from.

    `has_frame` says whether the page shows another one of the sandbox's own in a frame.
    """
    nonce = secrets.token_urlsafe(16)
    response = _templates.TemplateResponse(request, template, {**context, "nonce": nonce}, status_code=status)
    response.headers["Content-Security-Policy"] = _policy(nonce, sources) + ("; frame-src 'self'" if has_frame else "")
    response.headers.update({"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
    return response


def project_of(request: Request) -> Project:
    """Return the project that the address names. Raises Missing."""
    project = sandbox_of(request).store.projects.get(request.path_params["project_id"])
    if project is None:
        raise Missing("There is no project with this id.")
    return project


def _policy(nonce: str, sources: Iterable[str]) -> str:
    """Return a policy that allows own scripts and styles, inline styles with the nonce, and media from `sources`.

    It forbids forms to other sites and frames around the page.
    """
    media = " ".join(["'self'", *sorted(set(sources))])
    return (
        f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; img-src {media}; media-src {media};"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _message(request: Request, status: int, title: str, text: str) -> Response:
    return render(request, "message.html", status=status, title=title, text=text)
