"""Read hOCR, as Tesseract, OCRmyPDF and Kraken write it: pages with blocks, lines and words.

It must be XHTML, as those tools write it. The resolution of a page is that of `scan_res`, if it has one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from prelabel.readers.base import ReaderOptions, Scores, Source, UnreadableSource
from prelabel.readers.by_document import Annotations, read_documents
from prelabel.readers.documents import Document
from prelabel.readers.ocr import Ocr, OpenRegion, Region
from prelabel.readers.xml_files import xml_files
from prelabel.readers.xml_stream import parsed

_SUFFIXES = (".hocr", ".html", ".xhtml", ".htm")
_CLASSES = {
    "ocr_carea": "block",
    "ocr_line": "line",
    "ocr_header": "line",
    "ocr_caption": "line",
    "ocr_textfloat": "line",
    "ocrx_line": "line",
    "ocrx_word": "word",
    "ocr_word": "word",
}
_BOX = re.compile(r"\bbbox\s+(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)")
_SCORE = re.compile(r"\bx_wconf\s+(\d+(?:\.\d+)?)")
_PAGE = re.compile(r"\bppageno\s+(\d{1,6})")
_DPI = re.compile(r"\bscan_res\s+(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)")
_UNKNOWN_DPI = 70
"""What Tesseract writes for a picture without a resolution."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per file. Raises UnreadableSource."""
    ocr = Ocr(path, options, ids=True)

    def annotations(document: Document, scores: Scores) -> Annotations:
        yield from ocr.annotations(regions(document.value), scores)

    return read_documents(path, options, annotations, split=lambda path: xml_files(path, *_SUFFIXES))


def regions(file: Path) -> Iterator[Region]:
    """Yield the regions of a file. Raises UnreadableInput."""
    handler = _Handler(file)
    yield from parsed(file, handler, doctype=True)
    if not handler.pages:
        raise UnreadableSource(f"{file}: expected elements of the class ocr_page, found none: is it hOCR?")


class _Handler:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._elements: list[OpenRegion | None] = []
        self._open: list[OpenRegion] = []
        self._complete: list[Region] = []
        self.pages = 0
        self._page = 1
        self._dpi: float | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a region, if the element is one."""
        kind, title = attributes.get("class", "").split(), attributes.get("title", "")
        if "ocr_page" in kind:
            self._begin_page(title)
        level = next((_CLASSES[word] for word in kind if word in _CLASSES), None)
        if level is None:
            self._elements.append(None)
            return
        box, score = _BOX.search(title), _SCORE.search(title)
        where = f", page {self._page}, {level} {attributes.get('id', '')}".rstrip()
        corners = tuple(map(float, box.groups())) if box else (0.0, 0.0, 0.0, 0.0)
        region = Region(level, level, self._page, corners, dpi=self._dpi, where=where)  # type: ignore[arg-type] # 4 groups
        region.score = float(score[1]) / 100 if score else None
        opened = OpenRegion(region, attributes.get("id"))
        self._elements.append(opened)
        self._open.append(opened)

    def end(self, name: str) -> None:
        """End a region, if the element is one."""
        opened = self._elements.pop()
        if opened is not None:
            self._open.pop()
            self._complete.append(opened.closed_into(self._open[-1] if self._open else None))

    def text(self, data: str) -> None:
        """Add text to the innermost region."""
        if self._open:
            self._open[-1].pieces.append(data)

    def take(self) -> list[Region]:
        """Return the regions that have ended."""
        complete, self._complete = self._complete, []
        return complete

    def _begin_page(self, title: str) -> None:
        self.pages += 1
        page, dpi = _PAGE.search(title), _DPI.search(title)
        self._page = int(page[1]) + 1 if page else self.pages
        self._dpi = float(dpi[1]) if dpi and float(dpi[1]) > _UNKNOWN_DPI else None
