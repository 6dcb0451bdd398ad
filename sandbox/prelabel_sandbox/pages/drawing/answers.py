"""Answers of classifications, nested ones too, in the words of the ontology."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prelabel_sandbox.pages.drawing.classes import Feature

Range = tuple[float, float]

_DEEPEST = 20
_MOST = 200  # of one level
_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Choice:
    """An option, or a text; with its intervals, if it has some, and what is answered below it."""

    text: str
    ranges: tuple[Range, ...]
    below: "tuple[Answer, ...]"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one question; `left_out` says how many choices are not here."""

    question: str
    choices: tuple[Choice, ...]
    left_out: int = 0


def answer_of(line: dict[str, Any], feature: Feature, depth: int = 0) -> Answer:
    """The answer of a line, or of a nested entry; `feature` is its classification."""
    given = line.get("answer", line.get("answers"))
    ranges = tuple(ranges_of(line))
    each = given if isinstance(given, list) else [given]
    beside = tuple(nested(line.get("classifications"), feature, depth))
    choices = tuple(_choice(value, feature, ranges, beside, depth) for value in each[:_MOST])
    return Answer(feature.name, choices, max(0, len(each) - _MOST))


def nested(entries: Any, feature: Feature, depth: int = 0) -> Iterator[Answer]:
    """The answers that stand below an object or an option."""
    if isinstance(entries, list) and depth < _DEEPEST:
        for entry in entries[:_MOST]:
            yield answer_of(entry, feature.find(entry), depth + 1)


def ranges_of(given: dict[str, Any]) -> Iterator[Range]:
    """The intervals in `frames`: of frames, or of milliseconds."""
    for each in given.get("frames") or ():
        yield each["start"], each["end"]


def intervals(answers: Iterable[Answer], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Choice]]:
    """Every choice with intervals, at any depth, and the way to it: `speaker: pilot › mood: hurried`."""
    for answer in answers:
        for choice in answer.choices:
            way = (*above, f"{answer.question}: {choice.text}")
            if choice.ranges:
                yield " › ".join(way), choice
            yield from intervals(choice.below, way)


def shortened(text: str) -> str:
    """A text that a page can show."""
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}… ({len(text):,} characters)"


def _choice(given: Any, feature: Feature, ranges: tuple[Range, ...], beside: tuple[Answer, ...], depth: int) -> Choice:
    if not isinstance(given, dict):
        return Choice(shortened(str(given)), ranges, beside)
    if "value" in given:
        return Choice(shortened(str(given["value"])), tuple(ranges_of(given)), _below(given, feature, depth))
    option = feature.find(given)
    return Choice(shortened(option.name), tuple(ranges_of(given)) or ranges, (*_below(given, option, depth), *beside))


def _below(given: dict[str, Any], feature: Feature, depth: int) -> tuple[Answer, ...]:
    return tuple(nested(given.get("classifications"), feature, depth))
