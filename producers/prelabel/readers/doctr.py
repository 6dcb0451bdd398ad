"""Read docTR's `export()`: pages with blocks, lines and words; of its key information extraction, `predictions`.

Coordinates are shares of the page's width and height, whose pixels `dimensions` has.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Scores, Source, number
from prelabel.readers.by_document import Annotations, read_documents
from prelabel.readers.documents import Document, array_of, object_of
from prelabel.readers.ocr import Ocr, OpenRegion, Region, around

_INNER = {"block": ("lines", "line"), "line": ("words", "word")}


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per document. Raises UnreadableSource."""
    ocr = Ocr(path, options)

    def annotations(document: Document, scores: Scores) -> Annotations:
        pages = array_of(object_of(document.value, "the record").get("pages"), "pages")
        for at, page in enumerate(pages):
            where = f", pages[{at}]"
            yield from ocr.annotations(_page(object_of(page, f"pages[{at}]"), at, where), scores)

    return read_documents(path, options, annotations)


def _page(page: dict[str, Any], at: int, where: str) -> Iterator[Region]:
    """Yield the regions of a page. Raises ValueError."""
    index = page.get("page_idx", at)
    if type(index) is not int or index < 0:
        raise BadValue(f"pages[{at}].page_idx", "a whole number from 0", found_value(index))
    size = page.get("dimensions")
    if not isinstance(size, list) or len(size) != 2:
        raise BadValue(f"pages[{at}].dimensions", "[height, width] in pixels", found_value(size))
    height, width = (number(value, f"pages[{at}].dimensions") for value in size)
    if "predictions" in page:
        for name, words in object_of(page["predictions"], f"pages[{at}].predictions").items():
            for word_at, word in enumerate(array_of(words, name)):
                region = _region(object_of(word, name), "", index + 1, width, height)
                region.name, region.where = name, f"{where}.predictions.{name}[{word_at}]"
                yield region
        return
    for block_at, block in enumerate(array_of(page.get("blocks"), f"pages[{at}].blocks")):
        found: list[Region] = []
        _nested(block, "block", index + 1, (width, height), f"{where}.blocks[{block_at}]", None, found)
        yield from found


def _nested(
    value: Any,
    level: str,
    page: int,
    size: tuple[float, float],
    where: str,
    outer: OpenRegion | None,
    found: list[Region],
) -> None:
    """Add a region and what it holds to `found`. Raises ValueError."""
    value = object_of(value, where.removeprefix(", "))
    opened = OpenRegion(_region(value, level, page, *size))
    opened.region.where = where
    if level in _INNER:
        key, inner = _INNER[level]
        for at, item in enumerate(array_of(value.get(key), f"{where.removeprefix(', ')}.{key}")):
            _nested(item, inner, page, size, f"{where}.{key}[{at}]", opened, found)
    found.append(opened.closed_into(outer))


def _region(value: dict[str, Any], level: str, page: int, width: float, height: float) -> Region:
    left, top, right, bottom = around(value.get("geometry"), "geometry")
    corners = (left * width, top * height, right * width, bottom * height)
    text = value.get("value", "")
    if not isinstance(text, str):
        raise BadValue("value", "a text", found_value(text))
    confidence = value.get("confidence")
    score = None if confidence is None else number(confidence, "confidence")
    return Region(level, level, page, corners, text, score)
