"""The projects, and one project with its data rows."""

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.paging import asked, paging
from prelabel_sandbox.pages.web import project_of, render
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.browsing import MANY
from prelabel_sandbox.store.projects import Project

_PROJECTS = 50
_ROWS = 50
_SECONDS = 0.4  # that a page waits for what it has not read yet


def projects_page(request: Request) -> Response:
    """All projects."""
    browsing = sandbox_of(request).store.browsing
    found, total = browsing.projects(_PROJECTS, (asked(request) - 1) * _PROJECTS)
    return render(request, "projects.html", projects=found, paging=paging(request, _PROJECTS, total), many=MANY)


def project_page(request: Request) -> Response:
    """A project: what it is, and its data rows."""
    project = project_of(request)
    browsing = sandbox_of(request).store.browsing
    unread = read_imports(request, project)
    search = request.query_params.get("search", "")[:200]
    found = browsing.rows(project, search, _ROWS, (asked(request) - 1) * _ROWS)
    pages = paging(request, _ROWS, found.total, search=search)
    if pages.number < asked(request):
        found = browsing.rows(project, search, _ROWS, pages.skip)
    response = render(
        request,
        "project.html",
        project=project,
        classes=Classes(project.ontology),
        rows=found.rows,
        paging=pages,
        search=search,
        unread=unread,
        pre_labels=browsing.pre_label_count(project.id),
        imports=browsing.import_count(project.id),
    )
    return read_on(request, project, unread, response)


def read_imports(request: Request, project: Project) -> int:
    """Read what has come since; how many imports are still to be read."""
    return sandbox_of(request).store.row_index.catch_up(project, _SECONDS)


def read_on(request: Request, project: Project, unread: int, response: Response) -> Response:
    """The response; what is not read yet is read when it has been sent."""
    if unread:
        response.background = BackgroundTask(sandbox_of(request).store.row_index.follow, project)
    return response
