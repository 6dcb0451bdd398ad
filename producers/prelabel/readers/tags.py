"""Tags of tokens → entities: IOB1, IOB2 (BIO), BIOES and BILOU, which one rule reads."""

from dataclasses import dataclass
from typing import Any

_NONE = frozenset({"O", "_", "-", ""})
_BEGIN, _INSIDE, _LAST = frozenset("BSU"), frozenset("IMEL"), frozenset("SUEL")


@dataclass(slots=True)
class Span:
    """An entity: its class, half-open span, the scores of its tokens, and where its first token is in the file."""

    name: str
    start: int
    end: int
    scores: list[float]
    where: str


class Tags:
    """Joins tokens to entities; `spans` has those that are complete."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._open: Span | None = None

    def add(self, tag: str, start: int, end: int, where: str = "", score: float | None = None) -> None:
        """Add the next token. Raises ValueError for a tag of no scheme."""
        if tag in _NONE:
            self.end()
            return
        prefix, dash, name = tag.partition("-")
        if not dash or prefix not in _BEGIN | _INSIDE or not name:
            raise ValueError(f"tag: expected O, or B-, I-, E-, S-, L- or U- and a class, found {tag[:40]!r}")
        current = self._open
        if current is None or prefix in _BEGIN or current.name != name:
            self.end()
            current = self._open = Span(name, start, end, [], where)
        current.end = end
        if score is not None:
            current.scores.append(score)
        if prefix in _LAST:
            self.end()

    def end(self) -> None:
        """End the open entity, as at the end of a sentence."""
        if self._open is not None:
            self.spans.append(self._open)
            self._open = None


def mean(scores: list[Any]) -> float | None:
    """Return the mean of scores, or None if there are none."""
    return sum(scores) / len(scores) if scores else None
