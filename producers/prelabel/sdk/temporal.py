"""Convert answers with ranges of milliseconds (docs/reference/labelbox-format.md#2-20).

As the SDK's converter does, equal answers of one name are merged, and nested answers are divided among the answers in
whose ranges they lie. Nested answers outside all ranges are refused here, while the SDK leaves them out.
"""

from typing import Any

from labelbox import types as lb

from prelabel.builders.values import refused

Range = tuple[int, int]


def temporal(group: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return all answers of one name. Raises InvalidAnnotation."""
    for path, annotation in group:
        _check(path, annotation, None)
        if not annotation.value:
            raise refused(f"{path}.value", annotation.value, "at least one answer with its times")
    return {"name": group[0][1].name, "answer": _answers(group, None)}


def _answers(group: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    texts = isinstance(group[0][1], lb.TemporalClassificationText)
    return _texts(group, within) if texts else _options(group, within)


def _texts(group: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    """Return the texts; nested answers belong to the whole annotation, so each text gets the ones in its ranges."""
    frames: dict[str, list[Range]] = {}
    below: list[tuple[str, Any]] = []
    for path, annotation in group:
        for start, end, text in annotation.value:
            if _inside((start, end), within):
                frames.setdefault(text, []).append((start, end))
        below += _below(annotation, path)
    return [_entry({"value": text}, ranges, below) for text, ranges in frames.items()]


def _options(group: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    frames: dict[str, list[Range]] = {}
    below: dict[str, list[tuple[str, Any]]] = {}
    for path, annotation in group:
        for at, answer in enumerate(annotation.value):
            ranges = [interval for interval in answer.frames if _inside(interval, within)]
            if ranges or within is None:
                frames.setdefault(answer.name, []).extend(ranges)
                below.setdefault(answer.name, []).extend(_below(answer, f"{path}.value[{at}]"))
    return [_entry({"name": name}, ranges, below[name]) for name, ranges in frames.items()]


def _entry(answer: dict[str, Any], ranges: list[Range], below: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = answer | {"frames": [{"start": start, "end": end} for start, end in dict.fromkeys(ranges)]}
    groups: dict[str, list[tuple[str, Any]]] = {}
    for path, annotation in below:
        groups.setdefault(annotation.name, []).append((path, annotation))
    answers = [{"name": name, "answer": _answers(group, ranges)} for name, group in groups.items()]
    nested = [answer for answer in answers if answer["answer"]]
    return entry | ({"classifications": nested} if nested else {})


def _check(path: str, annotation: Any, within: list[Range] | None) -> None:
    """Check that every range lies within a range of its parent, at every level. Raises InvalidAnnotation."""
    for interval in _ranges(annotation):
        if not _inside(interval, within):
            shown = ", ".join(f"{start}-{end}" for start, end in (within or ())[:4])
            raise refused(path, f"{interval[0]}-{interval[1]}", f"a range within the parent's ({shown})")
    if isinstance(annotation, lb.TemporalClassificationText):
        for where, below in _below(annotation, path):
            _check(where, below, _ranges(annotation))
        return
    if annotation.classifications:
        raise refused(f"{path}.classifications", annotation.classifications, "classifications in the answers")
    for at, answer in enumerate(annotation.value):
        for where, below in _below(answer, f"{path}.value[{at}]"):
            _check(where, below, answer.frames)


def _ranges(annotation: Any) -> list[Range]:
    if isinstance(annotation, lb.TemporalClassificationText):
        return [(start, end) for start, end, _ in annotation.value]
    return [interval for answer in annotation.value for interval in answer.frames]


def _below(parent: Any, path: str) -> list[tuple[str, Any]]:
    return [(f"{path}.classifications[{at}]", nested) for at, nested in enumerate(parent.classifications or ())]


def _inside(interval: Range, ranges: list[Range] | None) -> bool:
    return ranges is None or any(start <= interval[0] and interval[1] <= end for start, end in ranges)
