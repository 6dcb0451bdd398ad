"""Views of a data row: their templates, the data that these draw, and the hosts that they load from."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from prelabel_sandbox.checks.asset import UNKNOWN
from prelabel_sandbox.checks.media import CHAT, media_of
from prelabel_sandbox.checks.media import UNKNOWN as UNKNOWN_MEDIA
from prelabel_sandbox.pages.chats import shown_chat
from prelabel_sandbox.pages.content import Unreadable, text_of
from prelabel_sandbox.pages.documents import shown_document
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import NOT_DRAWN, canvas_of
from prelabel_sandbox.pages.drawing.classes import Classes, Feature
from prelabel_sandbox.pages.drawing.film import film_of
from prelabel_sandbox.pages.drawing.plane import plane_of
from prelabel_sandbox.pages.drawing.reading import quoted, reading_of
from prelabel_sandbox.pages.drawing.tile_layer import tile_layer_of
from prelabel_sandbox.pages.drawing.timeline import timeline_of
from prelabel_sandbox.pages.drawing.volume import volume_of
from prelabel_sandbox.pages.formats import count
from prelabel_sandbox.pages.sources import is_missing, source_of
from prelabel_sandbox.store.projects import DataRow, Project

_VIEWS = {medium: medium for medium in ("image", "video", "text", "audio", "document")} | {
    "geospatial": "plane",
    "tiled": "plane",
    "DICOM": "volume",
    "conversational": "chat",
    CHAT: "chat",
    "HTML": "html",
}
_OBJECTS = {"segments": "video", "masks": "video", "location": "text"} | dict.fromkeys(
    ("bbox", "polygon", "point", "line", "mask"), "image"
)
_OBJECTS |= {"textSelections": "document", "messageEvaluationTask": "chat"}
_SHOWN = 300  # characters of an address
_ORIGINS = 20  # maximum number of hosts that one page loads from


class Look:
    """One view of a data row: `view` names its template, `origins` are the hosts that it loads from."""

    def __init__(
        self, request: Request, project: Project, row: DataRow, classes: Classes, annotations: Sequence[Annotation]
    ) -> None:
        self._request = request
        self._path = f"/projects/{quote(project.id, '')}/rows/{quote(row.id, '')}"
        self._masks = f"{self._path}/masks"
        self._classes = classes
        self._annotations = annotations
        self._media = media_of(project.media_type, project.editor_task_type)
        self._unreachable: dict[int, list[str]] = {}
        self.asset = row.asset or UNKNOWN
        self.view = _view(self._media, annotations)
        self.missing = is_missing(request, self.asset.row_data)
        self.source = None if self.missing else source_of(request, self.asset.row_data)
        self.origins = {self.source.origin} if self.source and self.source.origin else set[str]()

    def drawn(self) -> dict[str, Any]:
        """Return the template's data: `drawn` has the numbers of visible annotations, `notes` says which are not."""
        views = {"image": self._image, "video": self._video, "text": self._text, "audio": self._audio}
        views |= {"plane": self._plane, "volume": self._volume}
        views |= {"document": self._document, "chat": self._chat, "html": self._html}
        context = views[self.view]() if self.view in views else {}
        notes = context.get("notes", {}) | {number: _listed(reasons) for number, reasons in self._unreachable.items()}
        return {"annotations": self._annotations, "missing": self.missing, **context, "notes": notes}

    def features(self) -> list[Feature]:
        """Return the features whose colours the page needs."""
        features = [annotation.feature for annotation in self._annotations]
        for annotation in self._annotations:
            if annotation.key == "masks":
                features += [self._classes.tool(instance) for instance in annotation.line["masks"]["instances"]]
        return list({feature.css: feature for feature in features}.values())

    def _image(self) -> dict[str, Any]:
        canvas = canvas_of(self._annotations, self.asset, self._address)
        return {"canvas": canvas, "drawn": canvas.drawn, "notes": canvas.notes}

    def _video(self) -> dict[str, Any]:
        film = film_of(self._annotations, self._classes, self.asset, self._address)
        lanes, _ = timeline_of(self._annotations, film.frames, unit=1.0)
        drawn = film.drawn | {lane.annotation.number for lane in lanes}
        shown = {"film": film, "canvas": film.canvas, "lanes": lanes}
        return {**shown, "drawn": drawn, "notes": film.canvas.notes}

    def _plane(self) -> dict[str, Any]:
        degrees = self._media == "geospatial"
        layer = tile_layer_of(self.asset.row_data, longitude_first=not degrees)
        plane = plane_of(self._annotations, layer, degrees=degrees)
        shown = {"plane": plane, "layer": layer, "degrees": degrees, "annotations": plane.annotations}
        return {**shown, "canvas": plane.canvas, "drawn": plane.canvas.drawn, "notes": plane.canvas.notes}

    def _volume(self) -> dict[str, Any]:
        groups = volume_of(self._annotations, self._classes, self.asset, self._address)
        drawn = {number for group in groups for number in group.film.drawn}
        notes = {number: note for group in groups for number, note in group.film.canvas.notes.items()}
        filters = {filter_.id: filter_ for group in groups for filter_ in group.film.canvas.filters}
        return {"groups": groups, "filters": list(filters.values()), "drawn": drawn, "notes": notes}

    def _text(self) -> dict[str, Any]:
        text, reason = self._read_text()
        reading = reading_of(self._annotations, text or "")
        shown = {number for piece in reading.pieces for number in piece.ends}
        notes = dict.fromkeys(reading.hidden, NOT_DRAWN)
        annotations = [quoted(annotation, text or "") for annotation in self._annotations]
        context = {"text": text, "reason": reason, "reading": reading}
        return {**context, "annotations": annotations, "drawn": shown, "notes": notes}

    def _audio(self) -> dict[str, Any]:
        known = self.asset.seconds * 1000 if self.asset.seconds else None
        lanes, whole = timeline_of(self._annotations, known)
        drawn = {lane.annotation.number for lane in lanes}
        return {"lanes": lanes, "whole": whole, "known": known is not None, "drawn": drawn, "notes": {}}

    def _document(self) -> dict[str, Any]:
        return shown_document(self._request, self.asset, self._annotations)

    def _chat(self) -> dict[str, Any]:
        return shown_chat(self._request, self.asset, self._annotations)

    def _html(self) -> dict[str, Any]:
        text, reason = self._read_text()
        return {"text": text, "reason": reason, "frame": f"{self._path}/page.html", "drawn": set(), "notes": {}}

    def _read_text(self) -> tuple[str | None, str]:
        """Return the text of the asset; or why it cannot be read."""
        try:
            return text_of(self._request, self.asset.row_data), ""
        except Unreadable as error:
            return None, str(error)

    def _address(self, annotation: Annotation, mask: dict[str, Any], frame: int | None) -> str | None:
        """Return the address of a mask's image, or None; record its origin, so that the page may load from there."""
        if "instanceURI" not in mask:
            return f"{self._masks}/{annotation.uuid_text}/{'image' if frame is None else frame}.png"
        address = mask["instanceURI"]
        shown = "this address" if frame is None else address[:_SHOWN]  # the list has it already
        source = source_of(self._request, address)
        if source is None:
            reason = f"a page cannot load it from {shown}"
        elif is_missing(self._request, address):
            reason = f"the sandbox has no file at {shown}"
        elif source.origin and source.origin not in self.origins and len(self.origins) >= _ORIGINS:
            reason = f"a page loads from at most {_ORIGINS} hosts"
        else:
            self.origins.update({source.origin} if source.origin else ())
            return source.url
        self._unreachable.setdefault(annotation.number, []).append(reason)
        return None


def _listed(reasons: Sequence[str]) -> str:
    """Return the note on an annotation of whose images some cannot be loaded."""
    more = f", and {count(len(reasons) - 1, 'more image')}" if len(reasons) > 1 else ""
    return f"{NOT_DRAWN}: {reasons[0]}{more}"


def _view(media: str, annotations: Sequence[Annotation]) -> str:
    """Return the view of a medium; for an unknown one, the view of its first drawable annotation."""
    if media != UNKNOWN_MEDIA:
        return _VIEWS.get(media, "table")
    return next(filter(None, map(_view_of, annotations)), "table")


def _view_of(annotation: Annotation) -> str | None:
    """Return the view that an annotation needs; None if it needs none."""
    if "groupKey" in annotation.line:
        return "volume"
    if "messageId" in annotation.line:
        return "chat"
    return "document" if "page" in annotation.line else _OBJECTS.get(annotation.key)
