"""Ways of looking at a data row: which one, what it draws, what it loads from elsewhere."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from prelabel_sandbox.checks.asset import UNKNOWN
from prelabel_sandbox.checks.media import UNKNOWN as UNKNOWN_MEDIA
from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import NOT_DRAWN, canvas_of
from prelabel_sandbox.pages.drawing.classes import Classes, Feature
from prelabel_sandbox.pages.drawing.film import film_of
from prelabel_sandbox.pages.drawing.reading import quoted, reading_of
from prelabel_sandbox.pages.drawing.timeline import timeline_of
from prelabel_sandbox.pages.sources import source_of, text_of
from prelabel_sandbox.store.projects import DataRow, Project

_VIEWS = ("image", "video", "text", "audio")
_OBJECTS = {"segments": "video", "masks": "video", "location": "text"} | dict.fromkeys(
    ("bbox", "polygon", "point", "line", "mask"), "image"
)
_ORIGINS = 20  # that one page loads from


class Look:
    """One look: `view` names its template, `origins` are the hosts that it loads from."""

    def __init__(
        self, request: Request, project: Project, row: DataRow, classes: Classes, annotations: Sequence[Annotation]
    ) -> None:
        self._request = request
        self._masks = f"/projects/{quote(project.id, '')}/rows/{quote(row.id, '')}/masks"
        self._classes = classes
        self._annotations = annotations
        self.asset = row.asset or UNKNOWN
        self.view = _view(media_of(project.media_type, project.editor_task_type), annotations)
        self.source = source_of(request, self.asset.row_data)
        self.origins = {self.source.origin} if self.source and self.source.origin else set[str]()

    def drawn(self) -> dict[str, Any]:
        """What the template draws. `drawn` are the numbers of what can be seen in it, `notes` say what cannot."""
        makers = {"image": self._image, "video": self._video, "text": self._text, "audio": self._audio}
        made = makers[self.view]() if self.view in makers else {}
        return {"annotations": self._annotations, **made}

    def features(self) -> list[Feature]:
        """Those whose colours the page needs, each once."""
        found = [each.feature for each in self._annotations]
        for each in self._annotations:
            if each.key == "masks":
                found += [self._classes.tool(instance) for instance in each.line["masks"]["instances"]]
        return list({each.css: each for each in found}.values())

    def _image(self) -> dict[str, Any]:
        canvas = canvas_of(self._annotations, self.asset, self._address)
        return {"canvas": canvas, "drawn": canvas.drawn, "notes": canvas.notes}

    def _video(self) -> dict[str, Any]:
        film = film_of(self._annotations, self._classes, self.asset, self._address)
        lanes, _ = timeline_of(self._annotations, film.frames, unit=1.0)
        tracks = [{"shape": f"s{each.number}", "entry": f"a{each.number}", **track} for each, track in film.tracks]
        masks = {f"a{number}": frames for number, frames in film.masks.items()}
        said = {"keyframes": film.keyframes, "tracks": tracks, "masks": masks}
        drawn = film.drawn | {lane.annotation.number for lane in lanes}
        shown = {"film": film, "canvas": film.canvas, "lanes": lanes, "said": said}
        return {**shown, "drawn": drawn, "notes": film.canvas.notes}

    def _text(self) -> dict[str, Any]:
        text = text_of(self._request, self.asset.row_data)
        reading = reading_of(self._annotations, text or "")
        shown = {number for piece in reading.pieces for number in piece.ends}
        notes = dict.fromkeys(reading.hidden, NOT_DRAWN)
        said = [quoted(each, text or "") for each in self._annotations]
        return {"text": text, "reading": reading, "annotations": said, "drawn": shown, "notes": notes}

    def _audio(self) -> dict[str, Any]:
        known = self.asset.seconds * 1000 if self.asset.seconds else None
        lanes, whole = timeline_of(self._annotations, known)
        drawn = {lane.annotation.number for lane in lanes}
        return {"lanes": lanes, "whole": whole, "known": known is not None, "drawn": drawn, "notes": {}}

    def _address(self, annotation: Annotation, given: dict[str, Any], frame: int | None) -> str | None:
        """Where the image of a mask is; an origin elsewhere is noted, so that the page may load from it."""
        if "instanceURI" not in given:
            return f"{self._masks}/{annotation.uuid_text}/{'image' if frame is None else frame}.png"
        source = source_of(self._request, given["instanceURI"])
        if source and source.origin and source.origin not in self.origins:
            if len(self.origins) >= _ORIGINS:
                return None
            self.origins.add(source.origin)
        return source.url if source else None


def _view(media: str, annotations: Sequence[Annotation]) -> str:
    """How it is looked at; of an unknown medium, as its first drawable annotation suggests."""
    if media in _VIEWS:
        return media
    if media != UNKNOWN_MEDIA:
        return "table"
    drawable = [each for each in annotations if "page" not in each.line and "messageId" not in each.line]
    return next((_OBJECTS[each.key] for each in drawable if each.key in _OBJECTS), "table")
