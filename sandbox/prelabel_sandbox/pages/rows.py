"""A data row with its pre-labels drawn over its asset, and the images of inline masks."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.checks.media import UNKNOWN as UNKNOWN_MEDIA
from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.pages.drawing import scenes
from prelabel_sandbox.pages.drawing.annotations import Annotation, annotations_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.masks import inline_png
from prelabel_sandbox.pages.paging import paging
from prelabel_sandbox.pages.projects import read_imports, read_on
from prelabel_sandbox.pages.sources import Source, source_of, text_of
from prelabel_sandbox.pages.web import Missing, project_of, render
from prelabel_sandbox.sandbox import sandbox_of
from prelabel_sandbox.store.projects import DataRow, Project

_ANNOTATIONS = 500  # of one page
_VIEWS = {"image": "image", "video": "video", "text": "text", "audio": "audio"}
_OBJECTS = {"segments": "video", "masks": "video", "location": "text"} | dict.fromkeys(
    ("bbox", "polygon", "point", "line", "mask"), "image"
)


def row_page(request: Request) -> Response:
    """A data row: its asset and the pre-labels that stand on it."""
    project = project_of(request)
    unread = read_imports(request, project)
    row = _row_of(request, project)
    browsing = sandbox_of(request).store.browsing
    pages = paging(request, _ANNOTATIONS, browsing.row_count(project.id, row))
    classes = Classes(project.ontology)
    lines = browsing.pre_labels(project.id, row, _ANNOTATIONS, pages.skip)
    annotations = annotations_of(((standing.uuid, line) for standing, line in lines), classes)
    looked = _Looked(request, project, row, classes, annotations)
    response = render(
        request,
        f"row_{looked.view}.html",
        sources=looked.origins,
        project=project,
        row=row,
        asset=looked.asset,
        source=looked.source,
        classes=list({each.css: each for each in looked.features()}.values()),
        paging=pages,
        unread=unread,
        **{"annotations": annotations, **looked.drawn()},
    )
    return read_on(request, project, unread, response)


def mask_image(request: Request) -> Response:
    """The PNG file that a pre-label carries; frame `image` is that of an image's mask."""
    project = project_of(request)
    row = _row_of(request, project)
    uuid, frame = _mask_named(request.path_params)
    line = sandbox_of(request).store.browsing.pre_label(project.id, row, uuid)
    content = inline_png(orjson.loads(line), frame) if line else None
    if content is None:
        raise Missing("There is no such mask.")
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
    return Response(content, media_type="image/png", headers=headers)


def _mask_named(given: dict[str, Any]) -> tuple[bytes, int | None]:
    try:
        return UUID(given["uuid"]).bytes, None if given["frame"] == "image" else int(given["frame"])
    except ValueError:
        raise Missing("There is no such mask.") from None


def _row_of(request: Request, project: Project) -> DataRow:
    row = sandbox_of(request).store.browsing.row(project, request.path_params["data_row_id"])
    if row is None:
        raise Missing("There is no data row with this id in the project.")
    return row


class _Looked:
    """One look at a data row: how, and what of other addresses is loaded for it."""

    def __init__(
        self, request: Request, project: Project, row: DataRow, classes: Classes, annotations: list[Annotation]
    ) -> None:
        self._request = request
        self._path = f"/projects/{quote(project.id, '')}/rows/{quote(row.id, '')}/masks"
        self._classes = classes
        self._annotations = annotations
        self.asset: Asset = row.asset or UNKNOWN
        self.view = _view(media_of(project.media_type, project.editor_task_type), annotations)
        self.source: Source | None = source_of(request, self.asset.row_data)
        self.origins = {self.source.origin} if self.source and self.source.origin else set[str]()

    def drawn(self) -> dict[str, Any]:
        """What the template of the view draws."""
        if self.view == "image":
            canvas = scenes.canvas_of(self._annotations, self.asset, self._address)
            return {"canvas": canvas, "drawn": canvas.drawn}
        if self.view == "video":
            return self._film()
        if self.view == "text":
            text = text_of(self._request, self.asset.row_data)
            reading = scenes.text_of(self._annotations, text or "")
            said = [scenes.quoted(each, text or "") for each in self._annotations]
            drawn = {number for piece in reading.pieces for number in piece.ends} if text is not None else set()
            return {"text": text, "reading": reading, "annotations": said, "drawn": drawn}
        if self.view == "audio":
            known = self.asset.seconds * 1000 if self.asset.seconds else None
            lanes, whole = scenes.timeline_of(self._annotations, known)
            drawn = {lane.annotation.number for lane in lanes}
            return {"lanes": lanes, "whole": whole, "known": known is not None, "drawn": drawn}
        return {}

    def features(self) -> list[Any]:
        """The features whose colours the page needs."""
        of_masks = [
            self._classes.tool(i) for each in self._annotations if each.key == "masks" for i in _instances(each)
        ]
        return [*(each.feature for each in self._annotations), *of_masks]

    def _film(self) -> dict[str, Any]:
        film = scenes.film_of(self._annotations, self._classes, self.asset, self._address)
        lanes, whole = scenes.timeline_of(self._annotations, film.frames, unit=1.0)
        tracks = [{"shape": f"s{each.number}", "entry": f"a{each.number}", **track} for each, track in film.tracks]
        data = {"keyframes": film.keyframes, "tracks": tracks}
        drawn = (
            film.canvas.drawn | {each.number for each, _ in film.tracks} | {each.annotation.number for each in lanes}
        )
        shown = {"film": film, "film_data": data, "canvas": film.canvas}
        return {**shown, "lanes": lanes, "whole": whole, "drawn": drawn}

    def _address(self, annotation: Annotation, given: dict[str, Any], frame: int | None) -> str | None:
        """Where the image of a mask is; an origin elsewhere is noted, so that the page may load from it."""
        if "instanceURI" not in given:
            return f"{self._path}/{annotation.uuid_text}/{'image' if frame is None else frame}.png"
        source = source_of(self._request, given["instanceURI"])
        if source and source.origin:
            self.origins.add(source.origin)
        return source.url if source else None


def _instances(annotation: Annotation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = annotation.line["masks"]["instances"]
    return found


def _view(media: str, annotations: list[Annotation]) -> str:
    """How it is looked at; of an unknown medium, as its first drawable annotation suggests."""
    if media in _VIEWS:
        return _VIEWS[media]
    if media != UNKNOWN_MEDIA:
        return "table"
    drawable = [each for each in annotations if "page" not in each.line and "messageId" not in each.line]
    return next((_OBJECTS[each.key] for each in drawable if each.key in _OBJECTS), "table")
