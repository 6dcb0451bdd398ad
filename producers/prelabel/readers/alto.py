"""Read ALTO, the XML of digitised pages: blocks, lines and words, and entities that its tags name.

A word whose TAGREFS names a NamedEntityTag is part of an entity: in documents one of the text layer's tokens, if the
text layer has the ids of the file, and boxes on images.
"""

from collections.abc import Iterator
from pathlib import Path

from prelabel.errors import quoted
from prelabel.readers.base import ReaderOptions, Scores, Source, UnreadableSource
from prelabel.readers.by_document import Annotations, read_documents
from prelabel.readers.documents import Document
from prelabel.readers.ocr import Ocr, OpenRegion, Region
from prelabel.readers.xml_files import xml_files
from prelabel.readers.xml_stream import parsed

_LEVELS = {"TextBlock": "block", "TextLine": "line", "String": "word"}
_UNITS = {"mm10": 254.0, "inch1200": 1200.0}
"""Units of lengths → how many are an inch; those of `pixel` are not known."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per file. Raises UnreadableSource."""
    ocr = Ocr(path, options, ids=True)

    def annotations(document: Document, scores: Scores) -> Annotations:
        yield from ocr.annotations(regions(document.value), scores)

    return read_documents(path, options, annotations, split=lambda path: xml_files(path, ".xml", ".alto"))


def regions(file: Path) -> Iterator[Region]:
    """Yield the regions of a file, and then its entities. Raises UnreadableInput."""
    handler = _Handler()
    yield from parsed(file, handler)
    if not handler.pages:
        raise UnreadableSource(f"{file}: expected elements Page, found none: is it ALTO?")


class _Handler:
    def __init__(self) -> None:
        self._elements: list[OpenRegion | None] = []
        self._open: list[OpenRegion] = []
        self._complete: list[Region] = []
        self._labels: dict[str, str] = {}
        self._entities: dict[str, OpenRegion] = {}  # by tag, on this page
        self._unit = ""
        self._in_unit = False
        self.pages = 0
        self._page = 1
        self._from_0 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a region, if the element is one. Raises ValueError for another root element."""
        if not self._elements and name.lower() != "alto":
            raise ValueError(f"expected the root element alto, found {quoted(name)}")
        self._in_unit = name == "MeasurementUnit"
        if name == "Page":
            self.pages += 1
            self._entities = {}
            self._page = self._number_of(attributes.get("PHYSICAL_IMG_NR", ""))
        elif name == "NamedEntityTag" and len(self._labels) < 100_000:
            self._labels[attributes.get("ID", "")] = attributes.get("TYPE") or attributes.get("LABEL", "")
        level = _LEVELS.get(name)
        if level is None:
            self._elements.append(None)
            return
        opened = OpenRegion(self._region(level, attributes), attributes.get("ID"))
        self._elements.append(opened)
        self._open.append(opened)
        if level == "word":
            self._tagged(opened, attributes.get("TAGREFS", "").split())

    def end(self, name: str) -> None:
        """End a region, if the element is one."""
        opened = self._elements.pop()
        if name == "MeasurementUnit" and self._unit.strip() not in (*_UNITS, "pixel"):
            raise ValueError(f"MeasurementUnit: expected pixel, mm10 or inch1200, found {quoted(self._unit.strip())}")
        self._in_unit = False
        if opened is not None:
            self._open.pop()
            self._complete.append(opened.closed_into(self._open[-1] if self._open else None))
        if name == "Page":
            self._complete += [entity.closed_into(None) for entity in self._entities.values()]

    def text(self, data: str) -> None:
        """Take the unit of lengths."""
        if self._in_unit and len(self._unit) < 100:
            self._unit += data

    def take(self) -> list[Region]:
        """Return the regions that have ended."""
        complete, self._complete = self._complete, []
        return complete

    def _number_of(self, number: str) -> int:
        """Return the number of a page, from 1: Tesseract counts the images from 0, and others from 1."""
        if not number.isdecimal() or len(number) > 6:
            return self.pages
        self._from_0 = self._from_0 or (self.pages == 1 and int(number) == 0)
        return int(number) + self._from_0 or self.pages

    def _region(self, level: str, attributes: dict[str, str]) -> Region:
        left, top, width, height = (_length(attributes, key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
        where = f", page {self._page}, {level} {attributes.get('ID', '')}".rstrip()
        score = attributes.get("WC")
        return Region(
            level,
            level,
            self._page,
            (left, top, left + width, top + height),
            attributes.get("CONTENT", ""),
            _decimal(score, "WC") if score else None,
            _UNITS.get(self._unit.strip()),
            where=where,
        )

    def _tagged(self, word: OpenRegion, tags: list[str]) -> None:
        """Add a word to the entities that its tags name."""
        line = self._open[-2] if len(self._open) > 1 else None
        for tag in tags:
            if not (label := self._labels.get(tag)):
                continue
            inner = word.region
            entity = self._entities.setdefault(
                tag, OpenRegion(Region(label, "", inner.page, inner.corners, dpi=inner.dpi, where=f", entity {tag}"))
            )
            region = entity.region
            entity.words.append(inner.text)
            boxes = (region.corners, inner.corners)
            left, top = (min(box[at] for box in boxes) for at in (0, 1))
            right, bottom = (max(box[at] for box in boxes) for at in (2, 3))
            region.corners = (left, top, right, bottom)
            if line is not None and line.id and word.id:
                region.tokens.append((line.id, word.id))


def _length(attributes: dict[str, str], key: str) -> float:
    return _decimal(attributes[key], key) if key in attributes else 0.0


def _decimal(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number, found {quoted(text)}") from None
    if not abs(value) < 1e9:
        raise ValueError(f"{name}: expected a number of less than 1000000000, found {quoted(text)}")
    return value
