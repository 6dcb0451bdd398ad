"""One data row: everything that happened to it, in every project that knows it, and what stands in Labelbox now."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import redis
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from prelabel.wire.client import is_of_keys
from prelabel_console.console import Console, console_of
from prelabel_console.endpoints import page
from prelabel_console.render import HEADERS, render
from prelabel_worker.chunks.annotation_counts import Leftovers
from prelabel_worker.queries.row_timeline import Event, Standing, standing, timeline

MOST_SECONDS = 2.0
"""Seconds after which no further project is searched."""
MOST_KEY_CHARACTERS = 500
_SHOWN_EVENTS = 500
_MODELS = 50
_GROUP = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class InProject:
    """What one project knows about a data row."""

    project_id: str
    #: What happened, oldest first.
    events: list[Event]
    #: What stands in Labelbox; None if the history knows of nothing.
    standing: Standing | None
    #: What remains in Labelbox of older messages.
    leftovers: list[Leftovers]
    #: Whether all frames, held rows and dead letters were searched.
    searched_all: bool


def data_row_page(request: Request) -> Response:
    """Answer the history of a data row, by its global key or id, or of a message by its id."""
    console = console_of(request)
    key, only = (request.query_params.get(name) or "" for name in ("key", "project"))
    key = key.strip()[:MOST_KEY_CHARACTERS]
    skip = _whole(request.query_params.get("from"))
    projects = [only] if only in console.overview.latest().value.projects else _by_activity(console)
    known: list[InProject] = []
    models = models_of(console)
    searched = 0
    ends = time.monotonic() + MOST_SECONDS
    for project_id in projects[skip:] if key else []:
        known += _in_project(console, project_id, key, models)
        searched += 1
        if time.monotonic() > ends:
            break
    rest = len(projects) - skip - searched
    return render(
        request,
        "data_row.html",
        section="",
        key=key,
        known=known,
        searched=searched,
        total=len(projects),
        skip=skip,
        only=only if projects == [only] else "",
        everywhere=row_address(key),
        more=f"{row_address(key, '' if projects != [only] else only)}&from={skip + searched}" if key and rest else "",
    )


def search(request: Request) -> Response:
    """Lead to what was typed into the search field: a project, a group, or a data row."""
    console, text = console_of(request), (request.query_params.get("q") or "").strip()[:MOST_KEY_CHARACTERS]
    if text in console.overview.latest().value.projects:
        return RedirectResponse(f"/projects/{quote(text, '')}", 303, HEADERS)
    if _GROUP.fullmatch(text) and console.dead.group(text) is not None:
        return RedirectResponse(f"/groups/{text}", 303, HEADERS)
    return RedirectResponse(row_address(text), 303, HEADERS)


def row_address(key: str, project_id: str = "") -> str:
    """Return the address of the page of a data row; with a project, only that one is searched."""
    return f"/data-row?{urlencode({'key': key} | ({'project': project_id} if project_id else {}))}"


def models_of(console: Console) -> list[str]:
    """Return models that dead letters have, by which those of a data row are found."""
    groups = console.dead.groups.latest().value
    return list(dict.fromkeys(model for group in groups for model in group.models))[:_MODELS]


def _in_project(console: Console, project_id: str, key: str, models: Sequence[str]) -> Iterator[InProject]:
    """Yield what a project knows about a data row, if it knows it. A project whose keys are not ours knows nothing."""
    try:
        trace = console.dead.tracer.trace(project_id, key, models)
    except redis.ResponseError as error:
        if not is_of_keys(error):
            raise
        return
    except ValueError:
        return
    if trace.found:
        events = timeline(trace)[-_SHOWN_EVENTS:]
        yield InProject(
            project_id, events, standing(trace), trace.leftovers, trace.searched_all and trace.searched_dead
        )


def _by_activity(console: Console) -> list[str]:
    """Return all projects, those with the most pending and dead rows first: people ask about rows with trouble."""
    projects = console.overview.latest().value.projects.values()
    order = sorted(projects, key=lambda project: (-(project.pending + project.dead), project.project_id))
    return [project.project_id for project in order]


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else 0


ROUTES = [
    page("/data-row", data_row_page, "data-row"),
    page("/search", search, "search"),
]
