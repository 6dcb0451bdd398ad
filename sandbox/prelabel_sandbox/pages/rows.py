"""A data row with its pre-labels drawn over its asset, and the images of inline masks."""

from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from prelabel_sandbox.pages.content import Unreadable, text_of
from prelabel_sandbox.pages.drawing.annotations import annotations_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.masks import inline_png
from prelabel_sandbox.pages.paging import paging
from prelabel_sandbox.pages.projects import read_imports, read_on
from prelabel_sandbox.pages.views import Look
from prelabel_sandbox.pages.web import Missing, project_of, render
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.projects import DataRow, Project

_ANNOTATIONS = 500  # of one page
# An HTML asset runs no script, loads nothing, leads nowhere, and is shown only in a frame of the page of its data row.
_FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox"
)


def row_page(request: Request) -> Response:
    """Answer a data row: its asset and its current pre-labels."""
    project = project_of(request)
    unread = read_imports(request, project)
    row = _row_of(request, project)
    browsing = sandbox_of(request).store.browsing
    pages = paging(request, _ANNOTATIONS, browsing.row_count(project.id, row))
    classes = Classes(project.ontology)
    lines = browsing.pre_labels(project.id, row, _ANNOTATIONS, pages.skip)
    look = Look(request, project, row, classes, annotations_of(lines, classes))
    shown = look.drawn()
    response = render(
        request,
        f"row_{look.view}.html",
        sources=look.origins,
        has_frame=look.view == "html",
        project=project,
        row=row,
        asset=look.asset,
        source=look.source,
        classes=look.features(),
        paging=pages,
        unread=unread,
        **shown,
    )
    return read_on(request, project, unread, response)


def mask_image(request: Request) -> Response:
    """Answer the PNG file that a pre-label carries. For the mask of an image, the address has `image` as its frame."""
    project = project_of(request)
    row = _row_of(request, project)
    uuid, frame = _mask_named(request.path_params)
    line = sandbox_of(request).store.browsing.pre_label(project.id, row, uuid)
    content = inline_png(orjson.loads(line), frame) if line else None
    if content is None:
        raise Missing("There is no such mask.")
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return Response(content, media_type="image/png", headers=headers)


def framed_page(request: Request) -> Response:
    """Answer the file of an HTML asset, for the frame that shows it."""
    row = _row_of(request, project_of(request))
    try:
        content = text_of(request, row.asset.row_data if row.asset else None)
    except Unreadable as error:
        raise Missing(f"The page cannot be read: {error}.") from None
    headers = {"Content-Security-Policy": _FRAMED, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    headers["X-DNS-Prefetch-Control"] = "off"
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)


def _mask_named(params: dict[str, Any]) -> tuple[bytes, int | None]:
    try:
        return UUID(params["uuid"]).bytes, None if params["frame"] == "image" else int(params["frame"])
    except ValueError:
        raise Missing("There is no such mask.") from None


def _row_of(request: Request, project: Project) -> DataRow:
    row = sandbox_of(request).store.browsing.row(project, request.path_params["data_row_id"])
    if row is None:
        raise Missing("There is no data row with this id in the project.")
    return row
