"""Decoded annotations → lines of NDJSON as Labelbox takes them (ndjson-formats, section 1). Pure."""

from collections.abc import Iterable
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
# Allowed in JSON, and line breaks to some readers (section 1.1).
_BREAKS = (
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
    ("\u0085".encode(), b"\\u0085"),
)


def lines(annotations: Iterable[Any]) -> bytes:
    """One line each, in order, each ending in \\n; `uuid` and `data_row` have been filled in."""
    text = _ENCODER.encode_lines(annotations)
    if not text.isascii():
        for raw, escaped in _BREAKS:
            text = text.replace(raw, escaped)
    return text


def normalise(annotation: Any, kind: str) -> None:
    """Keys that MAL imports do not take are left out, old spellings written in the new one (sections 1.6, 2.2)."""
    annotation.confidence = annotation.custom_metrics = None
    if annotation.answers is not None or annotation.answer is not None:
        _normalise_answer(annotation, kind)
    if annotation.classifications is not None:
        for nested in annotation.classifications:
            _normalise_nested(nested)


def _normalise_nested(nested: Any) -> None:
    nested.confidence = None
    nested.custom_metrics = None
    _normalise_answer(nested, "")


def _normalise_answer(item: Any, kind: str) -> None:
    """A radio answers with one option, a checklist with a list; `kind` '' leaves the form as it is."""
    if item.answers is not None:
        item.answer, item.answers = item.answers, None
    if kind == "radio" and isinstance(item.answer, list):
        (item.answer,) = item.answer
    elif kind == "checklist" and not isinstance(item.answer, list | str):
        item.answer = [item.answer]
    if isinstance(item.answer, str):
        return
    for option in item.answer if isinstance(item.answer, list) else [item.answer]:
        option.confidence = None
        option.custom_metrics = None
        for nested in option.classifications or ():
            _normalise_nested(nested)
