"""The text layer of a document: its pages with their tokens, in points (docs/reference/labelbox-format.md#2-14)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

MAX_LENGTH = 1e6
"""Maximum of a coordinate and of a length, in any unit."""
Length = Annotated[float, Meta(ge=-MAX_LENGTH, le=MAX_LENGTH)]
Side = Annotated[float, Meta(gt=0, le=1e5)]
LETTER = (612.0, 792.0)
"""Size in points that a page is drawn with if it is not known."""
_POINTS = {"POINTS": 1.0, "PIXELS": 1.0, "INCHES": 72.0}
_CHARACTERS = 200  # of one token
_DESCENT = 0.2  # share of a line's height that is below its baseline


class Rectangle(NamedTuple):
    """A rectangle on a page, in points from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


class Geometry(msgspec.Struct):
    """A rectangle as it is written."""

    left: Length
    top: Length
    width: Length
    height: Length


class _Token(msgspec.Struct):
    id: str
    content: str = ""
    geometry: Geometry | None = None


class _Group(msgspec.Struct):
    id: str
    tokens: list[_Token] = []


class _Page(msgspec.Struct):
    number: Annotated[int, Meta(ge=0)]
    groups: list[_Group] = []
    units: str = "POINTS"
    width: Side | None = None
    height: Side | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place; `place` is None if the text layer does not say it."""

    text: str
    place: Rectangle | None
    #: Size of its letters: the height of its line, since a word such as "was" is lower than the others.
    size: float = 0.0
    #: Where its letters stand.
    baseline: float = 0.0


@dataclass(frozen=True, slots=True)
class LayerPage:
    """A page of a text layer."""

    number: int
    #: Width and height in points.
    size: tuple[float, float]
    #: Whether the text layer says the size.
    known: bool
    #: By id of the group and of the token.
    tokens: dict[tuple[str, str], Token]


TextLayer = dict[int, LayerPage]
"""Pages by number, from 1."""

_decoder = msgspec.json.Decoder(list[_Page])


def text_layer_of(content: bytes) -> TextLayer:
    """Return a text layer. Raises msgspec.MsgspecError, which says where it is not one."""
    return {page.number: _layer_page(page) for page in _decoder.decode(content)}


def in_points(geometry: Geometry, unit: str, size: tuple[float, float]) -> Rectangle:
    """Return a rectangle in points, on a page of this size.

    Pixels count as points, since their number for each inch is not known. Percentages up to 1 are shares of the page,
    larger ones are hundredths: both are assumed (docs/reference/labelbox-format.md#question-7-3).
    """
    right, bottom = geometry.left + geometry.width, geometry.top + geometry.height
    across = down = _POINTS.get(unit, 1.0)
    if unit == "PERCENT":
        whole = 1.0 if max(right, bottom) <= 1.0 else 100.0
        across, down = size[0] / whole, size[1] / whole
    return Rectangle(geometry.left * across, geometry.top * down, right * across, bottom * down)


def lines_of(places: Iterable[Rectangle]) -> Iterator[Rectangle]:
    """Return one rectangle for each line of text that these tokens fill; tokens follow each other in it."""
    line: Rectangle | None = None
    for place in places:
        if line is not None and _follows(line, place):
            line = Rectangle(line.left, min(line.top, place.top), place.right, max(line.bottom, place.bottom))
            continue
        if line is not None:
            yield line
        line = place
    if line is not None:
        yield line


def _tokens(page: _Page, size: tuple[float, float]) -> Iterator[tuple[tuple[str, str], Token]]:
    for group in page.groups:
        known = [token.geometry for token in group.tokens]
        places = [in_points(geometry, page.units, size) if geometry else None for geometry in known]
        heights = _heights(places)
        for token, place in zip(group.tokens, places, strict=True):
            text = token.content[:_CHARACTERS]
            yield (group.id, token.id), Token(text, place, *next(heights)) if place else Token(text, None)


def _heights(places: Iterable[Rectangle | None]) -> Iterator[tuple[float, float]]:
    """Return the size and the baseline of each token that has a place."""
    line: list[Rectangle] = []
    for place in [*filter(None, places), None]:
        if place is None or (line and not _are_level(line[-1], place)):
            bottom = max((token.bottom for token in line), default=0.0)
            size = bottom - min((token.top for token in line), default=0.0)
            yield from [(size, bottom - _DESCENT * size)] * len(line)
            line = []
        line += [place] if place else []


def _are_level(one: Rectangle, other: Rectangle) -> bool:
    height = min(one.bottom - one.top, other.bottom - other.top)
    return min(one.bottom, other.bottom) - max(one.top, other.top) > 0.5 * height


def _follows(line: Rectangle, place: Rectangle) -> bool:
    height = min(line.bottom - line.top, place.bottom - place.top)
    return _are_level(line, place) and -height < place.left - line.right < 2 * height


def _layer_page(page: _Page) -> LayerPage:
    known = page.width is not None and page.height is not None and page.units != "PERCENT"
    factor = _POINTS.get(page.units, 1.0)
    size = (page.width * factor, page.height * factor) if known and page.width and page.height else LETTER
    return LayerPage(page.number, size, known, dict(_tokens(page, size)))
