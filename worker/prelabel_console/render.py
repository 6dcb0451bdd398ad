"""Pages from templates: what each page has, and what a browser may load for it."""

from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from prelabel_console import formats
from prelabel_console.access.access import cookie, set_cookie
from prelabel_console.access.roles import Role, Visitor
from prelabel_console.console import console_of
from prelabel_worker.labelbox.endpoint import Endpoint

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    # With `no-referrer`, a browser sends `Origin: null` with our own forms, which is also what a hidden page sends.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of each answer."""
SECTIONS = (
    ("overview", "Overview", "/", "g o"),
    ("projects", "Projects", "/projects", "g p"),
    ("groups", "Error groups", "/groups", "g e"),
    ("dead", "Dead letters", "/dead", "g d"),
    ("accounts", "Accounts", "/accounts", "g a"),
    ("workers", "Workers", "/workers", "g w"),
    ("actions", "Actions", "/actions", "g l"),
)
"""The navigation: name, title, address, and the keys that lead there."""
_NOTE = "prelabel-note"
_MAX_NOTE = 600
_WEB_APP = "https://app.labelbox.com"
_LABELBOX = "api.labelbox.com"

_environment = Environment(
    loader=PackageLoader("prelabel_console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=formats.visible,
)
_environment.filters.update(
    count=formats.count,
    number=formats.number,
    short=formats.short,
    lasted=formats.lasted,
    ago=formats.ago,
    iso=formats.iso,
    utc=formats.utc,
    exact=formats.exact,
    segment=lambda text: quote(text, ""),
)
_environment.globals.update(Role=Role)


def render(request: Request, template: str, *, code: int = 200, **context: Any) -> Response:
    """Return a page with the status `code`.

    `section` in the context is the entry of the navigation that the page belongs to.
    """
    console = console_of(request)
    note = cookie(request.headers, _NOTE)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    page = _environment.get_template(template).render(
        {
            "visitor": visitor,
            "environment": console.settings.environment,
            "name_of": console.names.of,
            "project_url": lambda project_id: project_url(console.settings.labelbox_endpoint, project_id),
            "service": "Labelbox" if _is_labelbox(console.settings.labelbox_endpoint) else "the sandbox",
            "note": unquote(note) if note else "",
            "section": "",
            "sections": SECTIONS,
            **context,
        }
    )
    response = Response(page, code, HEADERS, "text/html; charset=utf-8")
    if note:
        response.headers.append("Set-Cookie", set_cookie(request.headers, _NOTE, "", 0))
    return response


def done(request: Request, path: str, text: str) -> Response:
    """Return the answer to an act: the browser opens `path`, one of our pages, which shows the text once."""
    response = RedirectResponse(path, 303, HEADERS)
    value = quote(text[:_MAX_NOTE], safe="")
    response.headers.append("Set-Cookie", set_cookie(request.headers, _NOTE, value, 60))
    return response


def _is_labelbox(endpoint: str) -> bool:
    return Endpoint.parse(endpoint).host == _LABELBOX


def project_path(project_id: str) -> str:
    """Return the address of a project's page here."""
    return f"/projects/{quote(project_id, '')}"


def project_url(endpoint: str, project_id: str) -> str:
    """Return the address of a project's page at Labelbox, or in a sandbox at this endpoint; empty if it is unknown."""
    if _is_labelbox(endpoint):
        return f"{_WEB_APP}/projects/{quote(project_id, '')}"
    service = Endpoint.parse(endpoint)
    if service.here:
        return f"{service.queries.rpartition('/')[0]}/projects/{quote(project_id, '')}"
    return ""
