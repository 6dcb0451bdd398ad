"""Answers about frames of a video → ranges of frames inside each option.

Source: docs/reference/labelbox-format.md#2-18, form A.

The SDK's own converter keeps the first answer for all frames; here an answer that changes stays one that changes.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from labelbox import types as lb

from prelabel.builders.values import refused
from prelabel.sdk.answers import beside, option
from prelabel.sdk.objects import envelope
from prelabel.sdk.tracks import runs_of

Ranges = list[dict[str, int]]


class _Answer:
    """One option, or text, as it was given: what it says, where it was first said, and when."""

    def __init__(self, item: dict[str, Any], uuid: str | None) -> None:
        self.item = item
        self.uuid = uuid
        self.ranges: Ranges = []
        self.last: tuple[int, Any] = (-1, None)


def frame_answers(found: list[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """All answers of one feature: a radio line for each option, one line for a checklist and for texts."""
    found = sorted(found, key=lambda each: each[1].frame)
    path, first = found[0]
    kinds = {type(annotation.value) for _, annotation in found}
    if len(kinds) > 1:
        raise refused(path, " and ".join(sorted(kind.__name__ for kind in kinds)), "answers of one kind for a feature")
    base = envelope(first)
    base.pop("confidence", None)  # of one frame, and not sent anyway
    base.pop("customMetrics", None)
    answers = _answers(found)
    if isinstance(first.value, lb.Text):
        yield base | {"answer": [_with_ranges(each) for each in answers]}
    elif isinstance(first.value, lb.Radio):
        yield from _radios(base, answers)
    else:
        yield from _checklists(base, answers)


def _radios(base: dict[str, Any], answers: list[_Answer]) -> Iterator[dict[str, Any]]:
    given: set[str | None] = set()
    for answer in answers:
        uuid = None if answer.uuid in given else answer.uuid
        given.add(uuid)
        yield base | {"uuid": uuid, "answer": _with_ranges(answer)}


def _checklists(base: dict[str, Any], answers: list[_Answer]) -> Iterator[dict[str, Any]]:
    """One line; an option whose nested answers change goes on in a further one, since a line has each option once."""
    left = answers
    while left:
        line: dict[Any, _Answer] = {}
        later = []
        for answer in left:
            named = answer.item.get("name"), answer.item.get("schemaId")
            if line.setdefault(named, answer) is not answer:
                later.append(answer)
        yield base | {"answer": [_with_ranges(each) for each in line.values()]}
        base, left = base | {"uuid": None}, later


def _answers(found: list[tuple[str, Any]]) -> list[_Answer]:
    """Each different answer with its ranges: it goes on while nothing else is said in between."""
    answers: dict[bytes, _Answer] = {}
    before: int | None = None
    frame: int | None = None
    segments = runs_of(found) if found[0][1].segment_index is not None else [None] * len(found)
    for (path, annotation), segment in zip(found, segments, strict=True):
        if annotation.frame != frame:
            before, frame = frame, annotation.frame
        elif isinstance(annotation.value, lb.Radio):
            raise refused(f"{path}.frame", f"frame {frame} again", "one answer of a radio in a frame")
        for item in _items(annotation, path):
            answer = answers.setdefault(orjson.dumps(item), _Answer(item, envelope(annotation).get("uuid")))
            _extend(answer, annotation.frame, segment, before)
    return list(answers.values())


def _extend(answer: _Answer, frame: int, segment: Any, before: int | None) -> None:
    last, of = answer.last
    if last == frame:
        return
    goes_on = last == frame - 1 if segment is None else (last == before and of == segment)
    if goes_on and answer.ranges:
        answer.ranges[-1]["end"] = frame
    else:
        answer.ranges.append({"start": frame, "end": frame})
    answer.last = frame, segment


def _items(annotation: Any, path: str) -> list[dict[str, Any]]:
    value = annotation.value
    below = beside(annotation) or getattr(value, "classifications", None)
    if below:
        raise refused(f"{path}.classifications", below, "classifications inside an option")
    if isinstance(value, lb.Text):
        return [{"value": value.answer}]
    chosen = value.answer if isinstance(value, lb.Checklist) else [value.answer]
    items = [option(each, f"{path}.answer") for each in chosen]
    for item in items:
        # They differ from frame to frame without the answer being another, and are not sent.
        item.pop("confidence", None)
        item.pop("customMetrics", None)
    return items


def _with_ranges(answer: _Answer) -> dict[str, Any]:
    return answer.item | {"frames": answer.ranges}
