"""Entities in text: an interval of characters (docs/reference/labelbox-format.md#2-12)."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.base import CheckFailed, Rule, Wire, for_people, with_arguments
from prelabel.annotations.objects import GeometricObject

MAX_CHARACTERS = 65_536
"""Maximum length of a text: Labelbox documents "64K characters" (docs/reference/labelbox-format.md#1-9), and this is
the larger of its two meanings. Labelbox imports an end beyond the text, but does not show it, so it is refused."""
Offset = Annotated[int, Field(ge=0, lt=MAX_CHARACTERS)]
"""A character's index, from 0. Labelbox does not document whether it counts code points or UTF-16 units
(docs/reference/labelbox-format.md#question-7-4): the number is passed on unchanged."""


class Location(Wire):
    """From the first to the last character, both inclusive: `end` is one less than that of a half-open span."""

    start: Offset
    end: Offset


def check_location(annotation: Any) -> None:
    """Check that the end is not before the start; if they are equal, they mark one character."""
    location = annotation.location
    if location.end < location.start:
        expected = f"a last character not before start ({location.start})"
        raise CheckFailed("location.end", f"{location.end}", expected)


class TextEntity(GeometricObject):
    """Characters of a text asset: `TextEntity("ship name", start=4, end=12)` (docs/reference/labelbox-format.md#2-12).

    `end` is the index of the last character, not the index after it. Entities may overlap.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_location,)

    location: Location

    @for_people
    def __init__(
        self, name: str | None = None, *, start: int | None = None, end: int | None = None, **fields: Any
    ) -> None:
        super().__init__(**with_arguments(fields, name=name, location=with_arguments({}, start=start, end=end) or None))
