"""The overview: what happens in all projects, and what needs a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.attention import attention_of
from prelabel_console.console import console_of
from prelabel_console.endpoints import page
from prelabel_console.render import render
from prelabel_console.traffic import traffic_of
from prelabel_worker.queries.overview import ProjectSummary

_BUSIEST = 8


def overview_page(request: Request) -> Response:
    """Answer the overview."""
    console = console_of(request)
    reading, audit = console.overview.latest(), console.audit.peek()
    flow, news = console.flow.latest(), console.news.peek()
    projects = [summary for summary in reading.value.projects.values() if not summary.is_emptied]
    oldest = min((summary.oldest_waiting_at for summary in projects if summary.oldest_waiting_at), default=None)
    return render(
        request,
        "overview.html",
        section="overview",
        overview=reading.value,
        age=reading.age_seconds,
        totals=totals_of(projects),
        oldest=oldest,
        attention=attention_of(reading.value, audit.value if audit else None),
        audit=audit,
        news=news.value if news else None,
        traffic=traffic_of(flow.value),
        busiest=sorted(projects, key=lambda summary: (-summary.pending, summary.project_id))[:_BUSIEST],
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows of all projects together."""

    #: Published rows without an outcome.
    pending: int
    #: Of them, rows in lanes.
    waiting: int
    #: Of them, rows that are retrying.
    retrying: int
    #: Rows of dead letters.
    dead: int
    #: Rows that Labelbox imported.
    imported: int


def totals_of(projects: Sequence[ProjectSummary]) -> Totals:
    """Return the sums over projects."""
    return Totals(
        pending=sum(summary.pending for summary in projects),
        waiting=sum(summary.waiting for summary in projects),
        retrying=sum(summary.retrying for summary in projects),
        dead=sum(summary.dead for summary in projects),
        imported=sum(summary.imported for summary in projects),
    )


ROUTES = [page("/", overview_page, "overview")]
