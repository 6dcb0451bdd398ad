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
from prelabel_sandbox.pages.drawing.reading import quoted, reading_of
from prelabel_sandbox.pages.drawing.timeline import timeline_of
from prelabel_sandbox.pages.sources import source_of
from prelabel_sandbox.store.projects import DataRow, Project

_VIEWS = {medium: medium for medium in ("image", "video", "text", "audio", "document")} | {
    "conversational": "chat",
    CHAT: "chat",
    "HTML": "html",
}
_OBJECTS = {"segments": "video", "masks": "video", "location": "text"} | dict.fromkeys(
    ("bbox", "polygon", "point", "line", "mask"), "image"
)
_OBJECTS |= {"textSelections": "document", "messageEvaluationTask": "chat"}
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
        self.asset = row.asset or UNKNOWN
        self.view = _view(media_of(project.media_type, project.editor_task_type), annotations)
        self.source = source_of(request, self.asset.row_data)
        self.origins = {self.source.origin} if self.source and self.source.origin else set[str]()

    def drawn(self) -> dict[str, Any]:
        """Return the template's data: `drawn` has the numbers of visible annotations, `notes` says which are not."""
        views = {"image": self._image, "video": self._video, "text": self._text, "audio": self._audio}
        views |= {"document": self._document, "chat": self._chat, "html": self._html}
        context = views[self.view]() if self.view in views else {}
        return {"annotations": self._annotations, **context}

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
        tracks = [
            {"shape": f"s{annotation.number}", "entry": f"a{annotation.number}", **track}
            for annotation, track in film.tracks
        ]
        masks = {f"a{number}": frames for number, frames in film.masks.items()}
        script_data = {"keyframes": film.keyframes, "tracks": tracks, "masks": masks}
        drawn = film.drawn | {lane.annotation.number for lane in lanes}
        shown = {"film": film, "canvas": film.canvas, "lanes": lanes, "script_data": script_data}
        return {**shown, "drawn": drawn, "notes": film.canvas.notes}

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
        source = source_of(self._request, mask["instanceURI"])
        if source and source.origin and source.origin not in self.origins:
            if len(self.origins) >= _ORIGINS:
                return None
            self.origins.add(source.origin)
        return source.url if source else None


def _view(media: str, annotations: Sequence[Annotation]) -> str:
    """Return the view of a medium; for an unknown one, the view of its first drawable annotation."""
    if media != UNKNOWN_MEDIA:
        return _VIEWS.get(media, "table")
    return next(filter(None, map(_view_of, annotations)), "table")


def _view_of(annotation: Annotation) -> str | None:
    """Return the view that an annotation needs; None if it needs none."""
    if "messageId" in annotation.line:
        return "chat"
    return "document" if "page" in annotation.line else _OBJECTS.get(annotation.key)
