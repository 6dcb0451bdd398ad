"""Cuts a text with entities, which may overlap, into pieces, each with all entities that cover it.

Offsets count characters from 0, and ends are inclusive. We assume that characters are code points
(docs/reference/labelbox-format.md#question-7-4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

LANES = 6
"""Maximum number of entities that are underlined at one place; further ones are only listed."""


class Span(NamedTuple):
    """An entity: number of its annotation, first and last character."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that the same entities cover.

    `lanes` has an entity's number, or None, per lane up to the highest lane in use; `ends` has the numbers of the
    entities that end with this piece.
    """

    text: str
    lanes: tuple[int | None, ...]
    ends: tuple[int, ...]


@dataclass(slots=True)
class Highlighted:
    """The pieces, and the numbers of entities that could not be shown in them."""

    pieces: list[Piece] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    @property
    def depth(self) -> int:
        """Return the number of lanes that the text needs."""
        return max((len(piece.lanes) for piece in self.pieces), default=0)


def highlighted(text: str, spans: Iterable[Span]) -> Highlighted:
    """Cut the text into pieces. Entities after its end are hidden, as they are for labelers."""
    placed, hidden = _placed(text, sorted(spans, key=lambda span: (span.start, -span.end)))
    return Highlighted(list(_pieces(text, placed)), hidden)


def _placed(text: str, spans: list[Span]) -> tuple[list[tuple[int, Span]], set[int]]:
    """Return the spans, each with the lowest lane that is free for its whole length, and the numbers of hidden ones."""
    free_from = [0] * LANES
    placed, hidden = [], set()
    for span in spans:
        lane = next((number for number in range(LANES) if free_from[number] <= span.start), None)
        if lane is None or span.start >= len(text):
            hidden.add(span.number)
            continue
        end = min(span.end, len(text) - 1)
        free_from[lane] = end + 1
        placed.append((lane, Span(span.number, span.start, end)))
    return placed, hidden


def _pieces(text: str, placed: list[tuple[int, Span]]) -> Iterator[Piece]:
    cuts = sorted({0, len(text)} | {span.start for _, span in placed} | {span.end + 1 for _, span in placed})
    coming = iter([*placed, None])
    following = next(coming)
    open_: dict[int, Span] = {}
    for start, stop in pairwise(cuts):
        open_ = {lane: span for lane, span in open_.items() if span.end >= start}
        while following is not None and following[1].start <= start:
            open_[following[0]] = following[1]
            following = next(coming)
        lanes = tuple(open_[lane].number if lane in open_ else None for lane in range(max(open_, default=-1) + 1))
        ends = tuple(span.number for _, span in sorted(open_.items()) if span.end + 1 == stop)
        yield Piece(text[start:stop], lanes, ends)
