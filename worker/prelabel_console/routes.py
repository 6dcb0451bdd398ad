"""The one table of routes, joined from those of the pages."""

from pathlib import Path

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from prelabel_console.endpoints import ConsoleRoute
from prelabel_console.pages import imports, overview, project, projects, sign_in

PAGES: list[ConsoleRoute] = [
    *sign_in.ROUTES,
    *overview.ROUTES,
    *projects.ROUTES,
    *project.ROUTES,
    *imports.ROUTES,
]
ROUTES: list[BaseRoute] = [
    *PAGES,
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
]
