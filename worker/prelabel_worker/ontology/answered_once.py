"""Check that a data row answers each question once, in all its annotations together. No I/O.

A classification is answered once for a data row, or once for each of its messages; a radio with time ranges once at a
time; and a selection or ranking once for each message that was replied to. No source says which of two answers wins
(docs/reference/labelbox-format.md#2-1). Checklists and texts with time ranges may be spread over annotations.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from prelabel.annotations.kinds import Kind
from prelabel.errors import InvalidAnnotation, Reason, quoted
from prelabel_worker.ontology.classification_answers import first_clash, one_at_a_time
from prelabel_worker.ontology.tree import Feature

Asked = tuple[int, Any, Kind, Feature]
"""An annotation that answers a question: its place in the message, the annotation, its kind, its feature."""


def check_once(asked: Iterable[Asked]) -> None:
    """Check the answers of a data row, in their order. Raises InvalidAnnotation."""
    answered: set[tuple[str, str | None]] = set()
    radios: defaultdict[str, list[tuple[int, Any, Feature]]] = defaultdict(list)
    for at, annotation, kind, feature in asked:
        if kind.timed:
            if feature.type == "radio":
                radios[feature.id].append((at, annotation, feature))
            continue
        task = annotation.message_evaluation_task
        message = getattr(annotation, "message_id", None) if task is None else task.data.parent_message_id
        if (feature.id, message) in answered:
            about = "on a data row" if message is None else f"about message {quoted(message)}"
            raise _again(at, feature, f"one answer to '{feature.name}' {about}")
        answered.add((feature.id, message))
    for timed in radios.values():
        if len(timed) > 1:
            _check_times(timed)


def _check_times(timed: list[tuple[int, Any, Feature]]) -> None:
    """Check that no two options of a radio hold at one time, whichever annotations they are in."""
    feature = timed[0][2]
    clash = first_clash(time for at, annotation, _ in timed for time in _times(at, annotation, feature))
    if clash is not None:
        start, end, at = clash
        path, expected = f"annotations[{at}].answer", one_at_a_time(feature)
        raise InvalidAnnotation(Reason.WRONG_ANSWER, path, f"{start}-{end}", expected)


def _times(at: int, annotation: Any, feature: Feature) -> Iterator[tuple[int, int, str, int]]:
    options = feature.options
    for item in annotation.answer if isinstance(annotation.answer, list) else (annotation.answer,):
        option = options.by_name[item.name] if item.schema_id is None else options.by_id[item.schema_id]
        for time in item.frames or annotation.frames or ():
            yield time.start, time.end, option.id, at


def _again(at: int, feature: Feature, expected: str) -> InvalidAnnotation:
    return InvalidAnnotation(Reason.TOO_MANY_ANNOTATIONS, f"annotations[{at}]", f"'{feature.name}' again", expected)
