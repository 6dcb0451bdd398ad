"""The parts that readers of OCR share: regions of pages → boxes, or entities of a text layer.

Labelbox counts the pages of entities from 1; which number it gives to the first page of boxes is not documented, so
boxes count from 1 too (docs/reference/labelbox-format.md#question-7-2).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, BadValue, ReaderOptions, Scores, UnreadableSource, bad_record, number
from prelabel.readers.tags import mean

LEVELS = ("block", "line", "word")
"""The levels of regions, from the outermost."""
_POINTS = 72


@dataclass(slots=True)
class Region:
    """A region of a page."""

    #: Its class: the level, or what the tool says that the region is.
    name: str
    level: str
    #: Its page, from 1.
    page: int
    #: Left, top, right and bottom, in pixels.
    corners: tuple[float, float, float, float]
    text: str = ""
    score: float | None = None
    #: Dots per inch of the page's picture, if the file says so.
    dpi: float | None = None
    #: Of a line or word, the group and the tokens in the text layer: (group, token).
    tokens: list[tuple[str, str]] = field(default_factory=list)
    #: Its place in the file.
    where: str = ""


class Ocr:
    """Makes annotations of regions."""

    def __init__(self, path: Path, options: ReaderOptions, *, ids: bool = False) -> None:
        if options.media not in (None, "document", "image"):
            raise UnreadableSource(f"media {options.media}: expected document or image: {path.name} has pages")
        self._on_pages = options.media != "image"
        self._entities = options.ocr_as == "entities"
        if self._entities and not (ids and self._on_pages):
            problem = "only documents have a text layer" if ids else "the format has no ids of lines and words"
            raise UnreadableSource(f"{path}: entities of a text layer: {problem}. Publish boxes")
        if self._entities and options.level == "block":
            raise UnreadableSource("entities of a text layer are lines or words: give --level line or word")
        if options.dpi is not None and not 1 <= options.dpi <= 10_000:
            raise UnreadableSource(f"dots per inch: expected 1 to 10000, found {options.dpi}")
        self._options = options
        self._wanted = options.level

    def annotations(self, regions: Iterable[Region], scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        """Yield the annotations of the regions that are wanted; a region with a name of its own always is."""
        for region in regions:
            if region.level not in (self._wanted, ""):
                continue
            try:
                region = replace(region, score=scores.read(region.score))
                if annotation := self._annotation(region):
                    yield annotation
            except ValueError as error:
                yield bad_record(region.where, error)

    def _annotation(self, region: Region) -> dict[str, Any] | None:
        """Return an annotation, or None if the mapping leaves it out. Raises ValueError."""
        target = self._options.mapping.choose(region.name, region.score)
        if target is None:
            return None
        by_tokens = self._on_pages and bool(region.tokens) and (self._entities or not region.level)
        if self._entities and not by_tokens:
            raise ValueError("expected ids of the line and its words, found none")
        annotation: dict[str, Any] = {"name": target.feature}
        annotation |= _selections(region) if by_tokens else self._box(region)
        answers = target.answers()
        if self._options.text_feature and region.text.strip():
            answers.append({"name": self._options.text_feature, "answer": region.text.strip()})
        if answers:
            annotation["classifications"] = answers
        if region.score is not None:
            annotation["confidence"] = region.score
        return annotation

    def _box(self, region: Region) -> dict[str, Any]:
        left, top, right, bottom = region.corners
        if right <= left or bottom <= top:
            raise BadValue("box", "a width and height above 0", f"{left:g}, {top:g} to {right:g}, {bottom:g}")
        if not self._on_pages:
            return {"bbox": _bbox(left, top, right, bottom)}
        dpi = self._options.dpi or region.dpi
        scale, unit = (_POINTS / dpi, "POINTS") if dpi else (1.0, "PIXELS")
        box = _bbox(*(round(value * scale, 3) for value in region.corners))
        return {"bbox": box, "page": region.page, "unit": unit}


def _bbox(left: float, top: float, right: float, bottom: float) -> dict[str, float]:
    return {"top": top, "left": left, "height": round(bottom - top, 3), "width": round(right - left, 3)}


def _selections(region: Region) -> dict[str, Any]:
    groups: dict[str, list[str]] = {}
    for group, token in region.tokens:
        groups.setdefault(group, []).append(token)
    return {
        "textSelections": [
            {"groupId": group, "tokenIds": tokens, "page": region.page} for group, tokens in groups.items()
        ]
    }


@dataclass(slots=True)
class OpenRegion:
    """A region whose end was not read yet, in formats that nest words in lines in blocks."""

    region: Region
    id: str | None = None
    #: Pieces of its own text, for formats whose text is between the tags.
    pieces: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def closed_into(self, outer: "OpenRegion | None") -> Region:
        """Return the region with the words and scores of what it holds, and add these to the outer one."""
        region = self.region
        if self.pieces:
            region.text = " ".join("".join(self.pieces).split())
        if self.words:
            region.text = " ".join(self.words)
        if region.score is None:
            region.score = mean(self.scores)
        if outer is not None:
            outer.words += self.words or ([region.text] if region.text else [])
            outer.scores += self.scores or ([] if region.score is None else [region.score])
            if region.level == "word" and outer.region.level == "line" and self.id and outer.id:
                region.tokens = [(outer.id, self.id)]
            if outer.region.level in ("line", "word"):
                outer.region.tokens += region.tokens
        return region


def around(points: Any, name: str) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a box `[x1, y1, x2, y2]` or of points. Raises ValueError."""
    if isinstance(points, list) and len(points) == 4 and not any(isinstance(point, list) for point in points):
        left, top, right, bottom = (number(value, name) for value in points)
        return left, top, right, bottom
    if not isinstance(points, list) or len(points) < 2 or not all(_is_pair(point) for point in points):
        raise BadValue(name, "points [x, y], or [x1, y1, x2, y2]", found_value(points))
    across = [number(x, name) for x, _ in points]
    down = [number(y, name) for _, y in points]
    return min(across), min(down), max(across), max(down)


def _is_pair(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2
