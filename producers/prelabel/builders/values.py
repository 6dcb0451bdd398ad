"""Read numbers in the forms that models return: lists, tuples, rows of numpy arrays and torch tensors."""

import math
from typing import Any

from prelabel.errors import InvalidAnnotation, Reason, found_value


def refused(path: str, found: object, expected: str, hint: str | None = None) -> InvalidAnnotation:
    """Return the error for a value that a builder cannot use. Pass a value that may be a string by `found_value`."""
    return InvalidAnnotation(Reason.INVALID_ANNOTATION, path, found, expected, hint)


def number(value: Any, path: str) -> float:
    """Return a finite number. Raises InvalidAnnotation."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refused(path, found_value(value), "a finite number")
    return value


def whole(value: Any, path: str) -> int:
    """Return a whole number. Raises InvalidAnnotation."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(path, found_value(value), "a whole number")
    return value


def numbers(values: Any, names: str, path: str) -> list[float]:
    """Return finite numbers, one per word of `names`. Raises InvalidAnnotation."""
    listed = values.tolist() if hasattr(values, "tolist") else values
    words = names.split()
    if not isinstance(listed, list | tuple) or len(listed) != len(words):
        raise refused(path, found_value(listed), f"{len(words)} numbers: {', '.join(words)}")
    return [number(value, f"{path}.{word}") for value, word in zip(listed, words, strict=True)]


def size_of(image: Any) -> tuple[float, float]:
    """Return width and height in pixels, both above 0. Raises InvalidAnnotation."""
    width, height = numbers(image, "width height", "image")
    for value, word in ((width, "width"), (height, "height")):
        if value <= 0:
            raise refused(f"image.{word}", value, "greater than 0")
    return width, height
