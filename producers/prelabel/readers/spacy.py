"""Read `doc.to_json()` of spaCy: `ents` and `spans` → entities in text, `cats` → an answer about the whole text.

A record may have fields of its own for the global key, such as `id`, beside spaCy's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, BadValue, ReaderOptions, Scores, Source, bad_record, text_of
from prelabel.readers.by_document import read_documents
from prelabel.readers.documents import Document, array_of, object_of
from prelabel.readers.labels import answers_of, entity

CATEGORY = "category"
"""The feature of `cats` whose class has none in the mapping."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per document. Raises UnreadableSource."""

    def annotations(document: Document, scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        doc = object_of(document.value, "the record")
        length = len(_text(doc))
        parts = [("ents", array_of(doc.get("ents") or [], "ents"))]
        groups = object_of(doc.get("spans") or {}, "spans")
        parts += [(f"spans.{name}", array_of(group, f"spans.{name}")) for name, group in groups.items()]
        for part, spans in parts:
            for index, item in enumerate(spans):
                try:
                    if annotation := _entity(object_of(item, "the span"), length, options):
                        yield annotation
                except ValueError as error:
                    yield bad_record(f", {part}[{index}]", error)
        cats = object_of(doc.get("cats") or {}, "cats")
        yield from answers_of(
            [(text_of(name, "cats"), scores.read(score)) for name, score in cats.items()],
            options.question or CATEGORY,
            options,
        )

    return read_documents(path, options, annotations)


def _text(doc: dict[str, Any]) -> str:
    text = doc.get("text")
    if not isinstance(text, str):
        raise BadValue("text", "the document's text, as doc.to_json() writes it", found_value(text))
    return text


def _entity(item: dict[str, Any], length: int, options: ReaderOptions) -> dict[str, Any] | None:
    end = item.get("end")
    if type(end) is int and end > length:
        raise BadValue("end", f"at most the length of the text ({length})", found_value(end))
    return entity(text_of(item.get("label"), "label"), None, item.get("start"), end, options)
