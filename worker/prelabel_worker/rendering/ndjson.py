"""Write decoded annotations as lines of NDJSON in Labelbox's format. No I/O.

Source: docs/reference/labelbox-format.md#1.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()  # shared by threads: each call writes into its own buffer
# JSON allows these characters in strings, but some readers take them for line breaks: they are escaped
# (docs/reference/labelbox-format.md#1-1).
_BREAKS = tuple((character.encode(), f"\\u{ord(character):04x}".encode()) for character in "\u0085\u2028\u2029")


def lines(annotations: Iterable[Any]) -> bytes:
    """Return one line for each annotation, in order, each ending in a newline.

    The caller has set their `uuid` and `data_row`.
    """
    text = _ENCODER.encode_lines(annotations)
    if not text.isascii():
        for raw, escaped in _BREAKS:
            text = text.replace(raw, escaped)
    return text


def strip(annotation: Any) -> None:
    """Remove confidence and metrics at every level, since MAL imports do not accept them.

    Source: docs/reference/labelbox-format.md#1-6 and #1-7.
    """
    annotation.confidence = annotation.custom_metrics = None
    _strip_answer(annotation.answer)
    for nested in annotation.classifications or ():
        strip_nested(nested)
    if annotation.segments is not None:
        _strip_keyframes(annotation.segments)
    if annotation.masks is not None:
        for instance in annotation.masks.instances:
            instance.confidence = None


def _strip_keyframes(segments: Iterable[Any]) -> None:
    for segment in segments:
        for keyframe in segment.keyframes:
            if not hasattr(keyframe, "confidence"):  # slices of a volume have no confidence, and nothing nested
                return
            keyframe.confidence = None
            for nested in keyframe.classifications or ():
                strip_nested(nested)


def strip_nested(nested: Any) -> None:
    """Remove confidence and metrics of a classification below an object or an option."""
    nested.confidence = nested.custom_metrics = None
    _strip_answer(nested.answer)


def _strip_answer(answer: Any) -> None:
    if answer is None or isinstance(answer, str):
        return
    for option in answer if isinstance(answer, list) else (answer,):
        option.confidence = option.custom_metrics = None
        for nested in option.classifications or ():
            strip_nested(nested)
