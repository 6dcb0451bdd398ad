"""The one table of routes, joined from those of the pages."""

from pathlib import Path

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from prelabel_console.endpoints import ConsoleRoute
from prelabel_console.pages import (
    accounts,
    actions,
    bulk,
    data_row,
    dead_letter,
    dead_letters,
    groups,
    imports,
    overview,
    project,
    projects,
    sign_in,
    workers,
)

PAGES: list[ConsoleRoute] = [
    *sign_in.ROUTES,
    *overview.ROUTES,
    *projects.ROUTES,
    *project.ROUTES,
    *imports.ROUTES,
    *groups.ROUTES,
    *dead_letters.ROUTES,
    *dead_letter.ROUTES,
    *data_row.ROUTES,
    *bulk.ROUTES,
    *accounts.ROUTES,
    *workers.ROUTES,
    *actions.ROUTES,
]
ROUTES: list[BaseRoute] = [
    *PAGES,
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
]
