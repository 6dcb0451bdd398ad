"""Answers of classifications, also nested ones, with the names that the ontology has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prelabel_sandbox.pages.drawing.classes import Feature

Range = tuple[float, float]

_MAX_DEPTH = 20
_MAX_CHOICES = 200  # of one level
_CHARACTERS = 2000
_NOTHING, _EMPTY = "(nothing chosen)", "(empty)"


@dataclass(frozen=True, slots=True)
class Choice:
    """An option or a text, with its intervals, if it has any, and the answers below it."""

    text: str
    ranges: tuple[Range, ...]
    below: "tuple[Answer, ...]"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question; `left_out` is the number of choices that are not shown."""

    question: str
    choices: tuple[Choice, ...]
    left_out: int = 0


def answer_of(line: dict[str, Any], feature: Feature, depth: int = 0) -> Answer:
    """Return the answer of a line or a nested entry; `feature` is its classification."""
    answer = line.get("answer", line.get("answers"))
    ranges = tuple(ranges_of(line))
    values = (answer or [_NOTHING]) if isinstance(answer, list) else [answer]
    beside = tuple(nested(line.get("classifications"), feature, depth))
    choices = tuple(_choice(value, feature, ranges, beside, depth) for value in values[:_MAX_CHOICES])
    return Answer(feature.name, choices, max(0, len(values) - _MAX_CHOICES))


def nested(entries: Any, feature: Feature, depth: int = 0) -> Iterator[Answer]:
    """Return the answers below an object or an option."""
    if isinstance(entries, list) and depth < _MAX_DEPTH:
        for entry in entries[:_MAX_CHOICES]:
            yield answer_of(entry, feature.find(entry), depth + 1)


def ranges_of(holder: dict[str, Any]) -> Iterator[Range]:
    """Return the intervals in `frames`: of frames or of milliseconds."""
    for interval in holder.get("frames") or ():
        yield interval["start"], interval["end"]


def intervals(answers: Iterable[Answer], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Choice]]:
    """Return every choice with intervals, at any depth, and the path to it: `speaker: pilot › mood: hurried`."""
    for answer in answers:
        for choice in answer.choices:
            path = (*above, f"{answer.question}: {choice.text}")
            if choice.ranges:
                yield " › ".join(path), choice
            yield from intervals(choice.below, path)


def shortened(text: str) -> str:
    """Return a text, shortened if it is too long for a page."""
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}… ({len(text):,} characters)"


def _choice(value: Any, feature: Feature, ranges: tuple[Range, ...], beside: tuple[Answer, ...], depth: int) -> Choice:
    if not isinstance(value, dict):
        return Choice(shortened(str(value)) or _EMPTY, ranges, beside)
    if "value" in value:
        return Choice(shortened(str(value["value"])) or _EMPTY, tuple(ranges_of(value)), _below(value, feature, depth))
    option = feature.find(value)
    return Choice(shortened(option.name), tuple(ranges_of(value)) or ranges, (*_below(value, option, depth), *beside))


def _below(entry: dict[str, Any], feature: Feature, depth: int) -> tuple[Answer, ...]:
    return tuple(nested(entry.get("classifications"), feature, depth))
