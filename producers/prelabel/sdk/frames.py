"""Convert answers about single frames of a video into ranges of frames inside each option.

Source: docs/reference/labelbox-format.md#2-18, form A.

The SDK's own converter uses the first answer for all frames; here, an answer may change from frame to frame.
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
    """One option or text in the label's form, with its ranges of frames."""

    def __init__(self, item: dict[str, Any], uuid: str | None) -> None:
        self.item = item
        #: The uuid of the annotation that was the first to give this answer.
        self.uuid = uuid
        self.ranges: Ranges = []
        #: The last frame with this answer, and its segment.
        self.last: tuple[int, Any] = (-1, None)


def frame_answers(located: list[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return all answers of one feature: a radio line per option, the lines of a checklist, or one line of texts."""
    located = sorted(located, key=lambda pair: pair[1].frame)
    path, first = located[0]
    kinds = {type(annotation.value) for _, annotation in located}
    if len(kinds) > 1:
        raise refused(path, " and ".join(sorted(kind.__name__ for kind in kinds)), "answers of one kind for a feature")
    base = envelope(first)
    base.pop("confidence", None)  # it belongs to one frame, and is not sent anyway
    base.pop("customMetrics", None)
    answers = _answers(located)
    if isinstance(first.value, lb.Text):
        yield base | {"answer": [_with_ranges(answer) for answer in answers]}
    elif isinstance(first.value, lb.Radio):
        yield from _radios(base, answers)
    elif not answers:
        yield base | {"answer": [], "frames": _all_frames(located)}
    else:
        yield from _checklists(base, answers)


def _radios(base: dict[str, Any], answers: list[_Answer]) -> Iterator[dict[str, Any]]:
    used: set[str | None] = set()
    for answer in answers:
        uuid = None if answer.uuid in used else answer.uuid
        used.add(uuid)
        yield base | {"uuid": uuid, "answer": _with_ranges(answer)}


def _checklists(base: dict[str, Any], answers: list[_Answer]) -> Iterator[dict[str, Any]]:
    """Return a line, and more lines for options whose nested answers change: a line has each option only once."""
    remaining = answers
    while remaining:
        line: dict[Any, _Answer] = {}
        later = []
        for answer in remaining:
            reference = answer.item.get("name"), answer.item.get("schemaId")
            if line.setdefault(reference, answer) is not answer:
                later.append(answer)
        yield base | {"answer": [_with_ranges(answer) for answer in line.values()]}
        base, remaining = base | {"uuid": None}, later


def _answers(located: list[tuple[str, Any]]) -> list[_Answer]:
    """Return the distinct answers with their ranges; a range continues until a frame has no such answer."""
    answers: dict[bytes, _Answer] = {}
    before: int | None = None
    frame: int | None = None
    segments = runs_of(located) if located[0][1].segment_index is not None else [None] * len(located)
    for (path, annotation), segment in zip(located, segments, strict=True):
        if annotation.frame != frame:
            before, frame = frame, annotation.frame
        elif isinstance(annotation.value, lb.Radio):
            raise refused(f"{path}.frame", f"frame {frame} again", "one answer of a radio in a frame")
        for item in _items(annotation, path):
            answer = answers.setdefault(orjson.dumps(item), _Answer(item, envelope(annotation).get("uuid")))
            _extend(answer, annotation.frame, segment, before)
    return list(answers.values())


def _all_frames(located: list[tuple[str, Any]]) -> Ranges:
    """Return the ranges of consecutive frames, for a checklist of which no frame has an option."""
    ranges: Ranges = []
    for _, annotation in located:
        if ranges and annotation.frame <= ranges[-1]["end"] + 1:
            ranges[-1]["end"] = annotation.frame
        else:
            ranges.append({"start": annotation.frame, "end": annotation.frame})
    return ranges


def _extend(answer: _Answer, frame: int, segment: Any, before: int | None) -> None:
    last, last_segment = answer.last
    if last == frame:
        return
    continues = last == frame - 1 if segment is None else (last == before and last_segment == segment)
    if continues and answer.ranges:
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
    items = [option(item, f"{path}.answer") for item in chosen]
    for item in items:
        # These differ from frame to frame while the answer stays the same, and they are not sent.
        item.pop("confidence", None)
        item.pop("customMetrics", None)
    return items


def _with_ranges(answer: _Answer) -> dict[str, Any]:
    return answer.item | {"frames": answer.ranges}
