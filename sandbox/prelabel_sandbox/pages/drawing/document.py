"""A document as sheets of paper: the tokens of its text layer at their places, with boxes and entities over them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import NOT_DRAWN
from prelabel_sandbox.pages.drawing.shapes import Shape
from prelabel_sandbox.pages.drawing.text_layer import (
    LETTER,
    MAX_LENGTH,
    Geometry,
    Rectangle,
    TextLayer,
    Token,
    in_points,
    lines_of,
)
from prelabel_sandbox.pages.formats import number

SHEETS = 100
"""Maximum number of sheets with pre-labels that one page draws."""
_OTHERS = 10  # maximum number of sheets without
TOKENS = 12_000
"""Maximum number of tokens that one page draws."""
_SELECTED = 20_000  # maximum number of tokens that the entities of one page mark
_QUOTED = 80  # characters of an entity in the list
_MAX_SIDE = 100_000.0  # of a sheet whose size is guessed
_EDGE = 1.01  # how far a shape may reach beyond its sheet, for rounding
_BEYOND = "reaches beyond its page"
_REMARKS = {
    "PIXELS": "Pixels are drawn as points, since their number for each inch is not known.",
    "PERCENT": "Percentages up to 1 are drawn as shares of the page, larger ones as hundredths:"
    " Labelbox does not document which of the two is right.",
    "page 0": "Page 0 is a sheet of its own: it is not known whether the pages of boxes count from 0 or from 1.",
}


class Link(NamedTuple):
    """A relationship between two shapes of a sheet."""

    annotation: Annotation
    source: Shape
    target: Shape


@dataclass(slots=True)
class Sheet:
    """A page of the document. Lengths are in points."""

    number: int
    width: float
    height: float
    #: Whether the text layer says the size; otherwise it is guessed.
    known: bool
    tokens: list[Token]
    #: Largest first.
    shapes: list[tuple[Annotation, Shape]]
    #: Numbers of the annotations that no earlier sheet has.
    firsts: set[int] = field(default_factory=set)
    links: list[Link] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """What is drawn of a document."""

    sheets: list[Sheet]
    #: Number of known pages without a sheet.
    left_out: int
    #: What was assumed for the drawing, in sentences.
    remarks: list[str]
    #: Notes on annotations that are not drawn completely, by number of the annotation.
    notes: dict[int, str] = field(default_factory=dict)
    #: Whether tokens were left out.
    thinned: bool = False

    @property
    def drawn(self) -> set[int]:
        """Return the numbers of the visible annotations."""
        shapes = {annotation.number for sheet in self.sheets for annotation, _ in sheet.shapes}
        return shapes | {link.annotation.number for sheet in self.sheets for link in sheet.links}


def document_of(annotations: Sequence[Annotation], layer: TextLayer | None, pages: int | None) -> Document:
    """Return the drawing of a document's annotations; `pages` is the document's number of pages, if it is known."""
    layer = layer or {}
    by_page = _by_page(annotations)
    numbers = sorted([*sorted(by_page)[:SHEETS], *sorted(layer.keys() - by_page.keys())[:_OTHERS]])
    most = max(50, _SELECTED // max(1, len(annotations)))
    sheets = [_sheet(page, layer, by_page.get(page, []), most) for page in numbers]
    last = max([pages or 0, *layer, *by_page])
    document = Document(sheets, last - sum(page > 0 for page in numbers), list(_remarks(annotations)))
    document.thinned = _limit_tokens(sheets)
    _link(document, annotations)
    document.notes = dict(_notes(annotations, document, layer))
    return document


def quoted_tokens(annotation: Annotation, layer: TextLayer | None) -> Annotation:
    """Return an entity that also quotes the words it marks."""
    words = ""
    for token in _tokens(annotation, layer or {}):
        if len(words) > _QUOTED:
            words += "…"
            break
        words = f"{words} {token.text}".strip() if token else words
    return replace(annotation, where=f"“{words}”, {annotation.where}") if words else annotation


def _by_page(annotations: Iterable[Annotation]) -> dict[int, list[Annotation]]:
    """Return the annotations of each page that has some."""
    by_page: dict[int, list[Annotation]] = {}
    for annotation in annotations:
        selections = annotation.line.get("textSelections") or ()
        pages = [annotation.line["page"]] if "page" in annotation.line else [each["page"] for each in selections]
        for page in dict.fromkeys(pages):
            by_page.setdefault(page, []).append(annotation)
    return by_page


def _sheet(page: int, layer: TextLayer, annotations: Iterable[Annotation], most: int) -> Sheet:
    """Return a sheet; an entity is drawn with at most `most` tokens."""
    known = layer.get(page)
    size = known.size if known else LETTER
    places = [(item, list(_places(item, page, layer, size, most))) for item in annotations]
    shapes = [(item, _shape(rectangles)) for item, rectangles in places if rectangles]
    shapes.sort(key=lambda pair: -pair[1].area)
    if known is None or not known.known:
        corners = [shape.bottom_right for _, shape in shapes]
        size = tuple(min(_MAX_SIDE, max([side, *(at[axis] for at in corners)])) for axis, side in enumerate(size))  # type: ignore[assignment]
    tokens = [token for token in known.tokens.values() if token.place] if known else []
    return Sheet(page, *size, known is not None and known.known, tokens, shapes)


def _places(
    annotation: Annotation, page: int, layer: TextLayer, size: tuple[float, float], most: int
) -> Iterator[Rectangle]:
    """Return the rectangles of an annotation on a page: of its box, or of the lines of text that it marks."""
    line = annotation.line
    if annotation.key == "bbox":
        lengths = (line["bbox"][side] for side in ("left", "top", "width", "height"))
        geometry = Geometry(*(max(-MAX_LENGTH, min(MAX_LENGTH, length)) for length in lengths))
        yield in_points(geometry, line.get("unit", "POINTS"), size)
    elif annotation.key == "textSelections":
        tokens = islice(_tokens(annotation, layer, page), most)
        yield from lines_of(token.place for token in tokens if token and token.place)


def _tokens(annotation: Annotation, layer: TextLayer, page: int | None = None) -> Iterator[Token | None]:
    """Return the tokens that an entity marks, of one page or of all; None for one that the text layer does not have."""
    for selection in annotation.line.get("textSelections") or ():
        if page is None or selection["page"] == page:
            known = layer[selection["page"]].tokens if selection["page"] in layer else {}
            yield from (known.get((selection["groupId"], token)) for token in selection["tokenIds"])


def _shape(rectangles: Sequence[Rectangle]) -> Shape:
    corners = [
        (number(place.left), number(place.top), number(place.right), number(place.bottom)) for place in rectangles
    ]
    path = "".join(f"M{left} {top}H{right}V{bottom}H{left}Z" for left, top, right, bottom in corners)
    first = rectangles[0]
    top_left = min(place.left for place in rectangles), min(place.top for place in rectangles)
    bottom_right = max(place.right for place in rectangles), max(place.bottom for place in rectangles)
    center = (first.left + first.right) / 2, (first.top + first.bottom) / 2
    return Shape(path, (first.left, first.top), center, top_left, bottom_right, closed=True)


def _limit_tokens(sheets: Iterable[Sheet]) -> bool:
    """Leave out tokens that are too many for a page, first of sheets without pre-labels; return whether there were."""
    budget, left_out = TOKENS, False
    for sheet in sorted(sheets, key=lambda sheet: not sheet.shapes):
        left_out |= len(sheet.tokens) > budget
        sheet.tokens = sheet.tokens[:budget]
        budget -= len(sheet.tokens)
    return left_out


def _link(document: Document, annotations: Iterable[Annotation]) -> None:
    """Find the first sheet of each annotation, and the relationships between shapes of the same sheet."""
    seen: set[int] = set()
    edges = [(item, item.line["relationship"]) for item in annotations if item.key == "relationship"]
    for sheet in document.sheets:
        sheet.firsts = {annotation.number for annotation, _ in sheet.shapes} - seen
        seen |= sheet.firsts
        shapes = {annotation.uuid: shape for annotation, shape in sheet.shapes}
        for annotation, edge in edges:
            source, target = (shapes.get(canonical(edge.get(word)) or b"") for word in ("source", "target"))
            if source and target and annotation.number not in seen:
                sheet.links.append(Link(annotation, source, target))
                seen.add(annotation.number)


def _notes(annotations: Iterable[Annotation], document: Document, layer: TextLayer) -> Iterator[tuple[int, str]]:
    drawn = document.drawn
    beyond = {
        annotation.number
        for sheet in document.sheets
        for annotation, shape in sheet.shapes
        if shape.bottom_right[0] > sheet.width * _EDGE or shape.bottom_right[1] > sheet.height * _EDGE
    }
    for annotation in annotations:
        tokens = list(_tokens(annotation, layer)) if layer else []
        missing = sum(token is None or token.place is None for token in tokens)
        if annotation.number in beyond:
            yield annotation.number, _BEYOND
        elif annotation.number in drawn and missing:
            yield annotation.number, f"{missing} of its {len(tokens)} tokens have no place in the text layer"
        elif annotation.number not in drawn and not annotation.is_answer:
            yield annotation.number, NOT_DRAWN


def _remarks(annotations: Iterable[Annotation]) -> Iterator[str]:
    boxes = [annotation.line for annotation in annotations if annotation.key == "bbox"]
    yield from (_REMARKS[unit] for unit in ("PIXELS", "PERCENT") if any(box.get("unit") == unit for box in boxes))
    if any(box.get("page") == 0 for box in boxes):
        yield _REMARKS["page 0"]
