"""The projects, and one project with its data rows."""

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.paging import page_number, paging
from prelabel_sandbox.pages.web import project_of, render
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.browsing import MANY
from prelabel_sandbox.store.projects import Project

_PROJECTS = 50
_ROWS = 50
_SECONDS = 0.4  # maximum time that a page waits until the row index has read new imports


def projects_page(request: Request) -> Response:
    """Answer all projects."""
    browsing = sandbox_of(request).store.browsing
    overviews, total = browsing.projects(_PROJECTS, (page_number(request) - 1) * _PROJECTS)
    pages = paging(request, _PROJECTS, total)
    return render(request, "projects.html", projects=overviews, paging=pages, many=MANY)


def project_page(request: Request) -> Response:
    """Answer a project: its properties and its data rows."""
    project = project_of(request)
    browsing = sandbox_of(request).store.browsing
    unread = read_imports(request, project)
    search = request.query_params.get("search", "")[:200]
    page = browsing.rows(project, search, _ROWS, (page_number(request) - 1) * _ROWS)
    pages = paging(request, _ROWS, page.total, search=search)
    if pages.number < page_number(request):
        page = browsing.rows(project, search, _ROWS, pages.skip)
    response = render(
        request,
        "project.html",
        project=project,
        classes=Classes(project.ontology),
        rows=page.rows,
        paging=pages,
        search=search,
        unread=unread,
        pre_labels=browsing.pre_label_count(project.id),
        imports=browsing.import_count(project.id),
    )
    return read_on(request, project, unread, response)


def read_imports(request: Request, project: Project) -> int:
    """Read new imports into the row index; return the number that are still unread."""
    return sandbox_of(request).store.row_index.catch_up(project, _SECONDS)


def read_on(request: Request, project: Project, unread: int, response: Response) -> Response:
    """Return the response; the remaining imports are read after it is sent."""
    if unread:
        response.background = BackgroundTask(sandbox_of(request).store.row_index.follow, project)
    return response
