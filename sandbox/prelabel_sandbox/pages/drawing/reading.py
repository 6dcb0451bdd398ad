"""A text with its entities."""

from collections.abc import Sequence
from dataclasses import replace

from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.highlights import Highlighted, Span, highlighted

_QUOTED = 80  # characters of an entity in the list


def reading_of(annotations: Sequence[Annotation], text: str) -> Highlighted:
    """Return the text in pieces, each with the entities that cover it."""
    places = [(item.number, item.line["location"]) for item in annotations if "location" in item.line]
    return highlighted(text, [Span(number, place["start"], place["end"]) for number, place in places])


def quoted(annotation: Annotation, text: str) -> Annotation:
    """Return an entity that also quotes the words it marks."""
    if "location" not in annotation.line:
        return annotation
    start, end = annotation.line["location"]["start"], annotation.line["location"]["end"] + 1
    words = " ".join(text[start : min(end, start + _QUOTED)].split())
    more = "…" if end - start > _QUOTED else ""
    return replace(annotation, where=f"“{words}{more}”, {annotation.where}") if words else annotation
