"""Read results of PaddleOCR and RapidOCR: lines of text with four corners, in pixels of the picture.

Version 3 saves an object a page (`rec_texts`, `rec_scores`, `rec_polys` or `rec_boxes`); earlier versions return
`[points, (text, score)]` for each line, in a list a page. RapidOCR returned `[points, text, score]`; its
version 3 writes `{"box": points, "txt": text, "score": score}` (`to_json()`), and null for a picture without text.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, BadValue, ReaderOptions, Scores, Source, bad_record, number
from prelabel.readers.by_document import Annotations, read_documents
from prelabel.readers.documents import Document, array_of, joined, object_of
from prelabel.readers.ocr import Ocr, Region, around


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per picture, or per document whose pages have one `input_path`. Raises UnreadableSource."""
    ocr = Ocr(path, options)

    def annotations(document: Document, scores: Scores) -> Annotations:
        for where, page, line in _lines(document.value):
            try:
                region = _region(line, page)
            except ValueError as error:
                yield bad_record(where, error)
                continue
            region.where = where
            yield from ocr.annotations([region], scores)

    return read_documents(path, options, annotations, split=_results)


def _results(path: Path) -> Iterator[Document | BadRecord]:
    """Yield the results; those of version 3 have the name of the picture or document that they are about."""
    for document in joined(path, lambda value: value is None or isinstance(value, list) or _is_rapidocr(value)):
        value = document.value if isinstance(document, Document) else None
        source = value.get("input_path") if isinstance(value, dict) else None
        if isinstance(document, Document) and isinstance(source, str) and source:
            name = PureWindowsPath(source) if "\\" in source else PurePosixPath(source)
            yield replace(document, file=name.stem, name=source)
        else:
            yield document


def _lines(value: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield place, page and content of each line. Raises ValueError."""
    if isinstance(value, dict):
        yield from _of_object(value)
        return
    for at, item in enumerate(array_of(value, "the record")):
        if _is_line(item):
            yield f"[{at}]", 1, item
        else:  # a page; null for one without text
            for line_at, line in enumerate(array_of([] if item is None else item, f"[{at}]")):
                yield f"[{at}][{line_at}]", at + 1, line


def _of_object(value: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    """Yield the lines of a result of version 3. Raises ValueError."""
    value = object_of(value.get("res", value), "res")
    texts = array_of(value.get("rec_texts"), "rec_texts")
    scores = array_of(value.get("rec_scores"), "rec_scores")
    name = "rec_polys" if "rec_polys" in value else "rec_boxes"
    points = array_of(value.get(name), name)
    if not len(texts) == len(scores) == len(points):
        raise BadValue(name, f"{len(texts)} as in rec_texts", f"{len(points)}, and {len(scores)} rec_scores")
    index = value.get("page_index")
    if index is not None and (type(index) is not int or index < 0):
        raise BadValue("page_index", "a whole number from 0, or null", found_value(index))
    for at, line in enumerate(zip(points, texts, scores, strict=True)):
        yield f", {name}[{at}]", (index or 0) + 1, list(line)


def _is_rapidocr(value: Any) -> bool:
    return isinstance(value, dict) and {"box", "txt"} <= value.keys()


def _is_line(value: Any) -> bool:
    return _is_rapidocr(value) or (isinstance(value, list) and len(value) in (2, 3) and not _is_box_of_line(value[1]))


def _is_box_of_line(value: Any) -> bool:
    """Return whether a value is a line, so that what holds it is a page."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)


def _region(line: Any, page: int) -> Region:
    """Return the region of a line. Raises ValueError."""
    if _is_rapidocr(line):
        line = [line["box"], line["txt"], line.get("score")]
    if isinstance(line, list) and len(line) == 2 and isinstance(line[1], list):
        line = [line[0], *line[1]]
    if not isinstance(line, list) or len(line) != 3:
        raise BadValue("the line", "points, text and score", found_value(line))
    points, text, score = line
    if not isinstance(text, str):
        raise BadValue("text", "a text", found_value(text))
    if isinstance(score, str):  # as some versions of RapidOCR write it
        try:
            score = float(score)
        except ValueError:
            raise BadValue("score", "a number", found_value(score)) from None
    return Region("line", "line", page, around(points, "points"), text, number(score, "score"))
