"""All projects: searched, sorted, paged."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.console import Console, console_of
from prelabel_console.endpoints import page
from prelabel_console.paging import paging, sorting
from prelabel_console.render import render
from prelabel_console.traffic import spark_of_rows
from prelabel_worker.queries.overview import ProjectSummary

_SIZE = 50
_MAX_SEARCH = 200
_COLUMNS: dict[str, Callable[[ProjectSummary], Any]] = {
    "project": lambda summary: summary.project_id,
    "published": lambda summary: summary.published,
    "imported": lambda summary: summary.imported,
    "pending": lambda summary: summary.pending,
    "waiting": lambda summary: summary.waiting,
    "oldest": lambda summary: -(summary.oldest_waiting_at or float("inf")),
    "retrying": lambda summary: summary.retrying,
    "dead": lambda summary: summary.dead,
}


def projects_page(request: Request) -> Response:
    """Answer the projects that contain the search text in their id or name."""
    console = console_of(request)
    reading = console.overview.latest()
    search = request.query_params.get("search", "").strip()[:_MAX_SEARCH]
    state = request.query_params.get("state", "")
    matching = _matching(console, reading.value.projects.values(), search, state)
    order = sorting(request, tuple(_COLUMNS), "-pending", search=search, state=state)
    key = _COLUMNS[order.column]
    ordered = sorted(matching, key=lambda summary: summary.project_id)
    ordered.sort(key=key, reverse=order.descending)
    pages = paging(request, _SIZE, len(ordered), search=search, state=state, sort=order.text)
    shown = ordered[pages.skip : pages.until]
    return render(
        request,
        "projects.html",
        section="projects",
        age=reading.age_seconds,
        overview=reading.value,
        projects=shown,
        flow=_flow(console, shown),
        paging=pages,
        sorting=order,
        search=search,
        state=state,
    )


def _flow(console: Console, shown: Sequence[ProjectSummary]) -> dict[str, tuple[int, str]]:
    """Return project → rows imported in the last hour, and their sparkline."""
    points = console.flow_reader.minutes_of([summary.project_id for summary in shown])
    return {
        project_id: (sum(point.imported for point in minutes), spark_of_rows(minutes))
        for project_id, minutes in points.items()
    }


def _matching(console: Console, summaries: Iterable[ProjectSummary], search: str, state: str) -> list[ProjectSummary]:
    wanted = search.lower()
    return [
        summary
        for summary in summaries
        if (
            not wanted
            or wanted in summary.project_id.lower()
            or wanted in console.names.known(summary.project_id).lower()
        )
        and _is_in(summary, state, searched=bool(wanted))
    ]


def _is_in(summary: ProjectSummary, state: str, *, searched: bool) -> bool:
    return {
        "pending": summary.pending > 0,
        "dead": summary.dead > 0,
        "paused": summary.paused is not None or summary.purging is not None,
        "emptied": summary.is_emptied,
    }.get(state, searched or not summary.is_emptied)


ROUTES = [page("/projects", projects_page, "projects")]
