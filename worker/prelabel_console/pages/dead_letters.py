"""Dead letters that a query selects, newest first, page by page."""

from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from prelabel.errors import Reason
from prelabel_console.console import Console, console_of
from prelabel_console.endpoints import page
from prelabel_console.render import render
from prelabel_worker.dead_letters.explain import in_short
from prelabel_worker.dead_letters.query import FIELDS, Query, QueryError
from prelabel_worker.dead_letters.search import MOST_SEARCHED, Cursor, Page

_LIMIT = 50
_NAMED = 30


def dead_letters_page(request: Request) -> Response:
    """Answer the dead letters that match, newest first, and how far the search went."""
    console, text = console_of(request), request.query_params.get("q") or ""
    if not text and (only := request.query_params.get("project")):
        text = str(Query(project=only))
    try:
        query = Query.parse(text)
    except QueryError as error:
        return _render(request, text, Query(), Page([], 0, None, bounded=False), problem=str(error), code=422)
    chosen = query.filter_at(console.held.now_ms())
    projects = projects_of(console, query)
    found = console.dead.search.page(projects, chosen, after=_cursor(request), limit=_LIMIT)
    return _render(request, text, query, found)


def projects_of(console: Console, query: Query) -> list[str]:
    """Return the projects whose dead letters a query may select; those without dead letters are left out."""
    if query.project is not None:
        return [query.project] if query.project in console.overview.latest().value.projects else []
    if query.group is not None:
        known = console.dead.group(query.group)
        if known is not None and known.project_count == len(known.projects):
            return [share.project_id for share in known.projects]
    return sorted(name for name, project in console.overview.latest().value.projects.items() if project.dead)


def _render(request: Request, text: str, query: Query, found: Page, *, problem: str = "", code: int = 200) -> Response:
    console = console_of(request)
    canonical = str(query)
    return render(
        request,
        "dead_letters.html",
        code=code,
        section="dead",
        text=text,
        query=canonical,
        problem=problem,
        dead_letters=found.dead_letters,
        in_short=in_short,
        searched=found.searched,
        most=MOST_SEARCHED,
        bounded=found.bounded,
        older=f"/dead?{urlencode({'q': canonical, 'after': str(found.next)})}" if found.next else "",
        first=_cursor(request) is None,
        of_project=query.project,
        fields=FIELDS,
        reasons=[reason.value for reason in Reason],
        projects=_largest(console),
        models=sorted({model for group in console.dead.groups.latest().value for model in group.models})[:_NAMED],
        link=lambda **changes: f"/dead?{urlencode({'q': str(replace(query, **changes))})}",
        bulk=lambda kind: f"/bulk/new?{urlencode({'q': canonical, 'do': kind})}",
    )


def _largest(console: Console) -> list[str]:
    """Return the projects with the most dead letters, to complete their names."""
    projects = console.overview.latest().value.projects.values()
    dead = sorted((project for project in projects if project.dead), key=lambda project: -project.dead)
    return [project.project_id for project in dead[:_NAMED]]


def _cursor(request: Request) -> Cursor | None:
    try:
        return Cursor.parse(request.query_params.get("after") or "")
    except ValueError:
        return None


ROUTES = [page("/dead", dead_letters_page, "dead-letters")]
