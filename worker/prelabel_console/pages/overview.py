"""The overview: what happens in all projects, and what needs a person."""

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.console import console_of
from prelabel_console.endpoints import page
from prelabel_console.render import render


def overview_page(request: Request) -> Response:
    """Answer the overview."""
    reading = console_of(request).overview.latest()
    return render(request, "overview.html", section="overview", overview=reading.value, age=reading.age_seconds)


ROUTES = [page("/", overview_page, "overview")]
