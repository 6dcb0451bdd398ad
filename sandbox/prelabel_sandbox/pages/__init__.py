"""Pages that show projects, data rows with their pre-labels, and imports, as a labeler would see them.

The server renders them. Their scripts and styles are the sandbox's own; two small scripts highlight and animate.
"""

from pathlib import Path

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from prelabel_sandbox.pages.assets import answer_asset
from prelabel_sandbox.pages.imports import import_page, imports_page
from prelabel_sandbox.pages.projects import project_page, projects_page
from prelabel_sandbox.pages.rows import framed_page, mask_image, row_page
from prelabel_sandbox.pages.unknown import answer_unknown
from prelabel_sandbox.pages.web import shown

__all__ = ["ROUTES", "answer_unknown"]

ROUTES: list[BaseRoute] = [
    Route("/", shown(projects_page), name="projects"),
    Route("/projects/{project_id}", shown(project_page), name="project"),
    Route("/projects/{project_id}/imports", shown(imports_page), name="imports"),
    # `path`, since ids may have slashes: a project that accepts any data row takes the ids that lines name.
    Route("/projects/{project_id}/rows/{data_row_id:path}/masks/{uuid}/{frame}.png", shown(mask_image), name="mask"),
    Route("/projects/{project_id}/rows/{data_row_id:path}/page.html", shown(framed_page), name="framed"),
    Route("/projects/{project_id}/rows/{data_row_id:path}", shown(row_page), name="row"),
    Route("/imports/{import_id}", shown(import_page), name="import"),
    Route("/assets/{path:path}", shown(answer_asset), name="asset"),
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
]
