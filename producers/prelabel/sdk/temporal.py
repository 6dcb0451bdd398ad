"""Answers with ranges of milliseconds → ours (docs/reference/labelbox-format.md#2-20).

As the SDK's converter: equal answers of one name are merged, and what is nested is divided among the answers in whose
ranges it lies. What lies in none is refused here, while the SDK leaves it out.
"""

from typing import Any

from labelbox import types as lb

from prelabel.builders.values import refused

Range = tuple[int, int]


def temporal(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """All answers of one name. Raises InvalidAnnotation."""
    for path, annotation in found:
        _check(path, annotation, None)
    return {"name": found[0][1].name, "answer": _answers(found, None)}


def _answers(found: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    texts = isinstance(found[0][1], lb.TemporalClassificationText)
    return _texts(found, within) if texts else _options(found, within)


def _texts(found: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    """What is nested belongs to the whole of a text annotation: each text gets what lies in its ranges."""
    frames: dict[str, list[Range]] = {}
    below: list[tuple[str, Any]] = []
    for path, annotation in found:
        for start, end, text in annotation.value:
            if _inside((start, end), within):
                frames.setdefault(text, []).append((start, end))
        below += _below(annotation, path)
    return [_entry({"value": text}, ranges, below) for text, ranges in frames.items()]


def _options(found: list[tuple[str, Any]], within: list[Range] | None) -> list[dict[str, Any]]:
    frames: dict[str, list[Range]] = {}
    below: dict[str, list[tuple[str, Any]]] = {}
    for path, annotation in found:
        for at, answer in enumerate(annotation.value):
            ranges = [each for each in answer.frames if _inside(each, within)]
            if ranges or within is None:
                frames.setdefault(answer.name, []).extend(ranges)
                below.setdefault(answer.name, []).extend(_below(answer, f"{path}.value[{at}]"))
    return [_entry({"name": name}, ranges, below[name]) for name, ranges in frames.items()]


def _entry(answer: dict[str, Any], ranges: list[Range], below: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = answer | {"frames": [{"start": start, "end": end} for start, end in dict.fromkeys(ranges)]}
    groups: dict[str, list[tuple[str, Any]]] = {}
    for path, annotation in below:
        groups.setdefault(annotation.name, []).append((path, annotation))
    nested = [{"name": name, "answer": _answers(group, ranges)} for name, group in groups.items()]
    nested = [each for each in nested if each["answer"]]
    return entry | ({"classifications": nested} if nested else {})


def _check(path: str, annotation: Any, within: list[Range] | None) -> None:
    """Every range lies in one of its parent's, at every level. Raises InvalidAnnotation."""
    for each in _ranges(annotation):
        if not _inside(each, within):
            shown = ", ".join(f"{start}-{end}" for start, end in (within or ())[:4])
            raise refused(path, f"{each[0]}-{each[1]}", f"a range within the parent's ({shown})")
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
    return [each for answer in annotation.value for each in answer.frames]


def _below(parent: Any, path: str) -> list[tuple[str, Any]]:
    return [(f"{path}.classifications[{at}]", each) for at, each in enumerate(parent.classifications or ())]


def _inside(each: Range, ranges: list[Range] | None) -> bool:
    return ranges is None or any(start <= each[0] and each[1] <= end for start, end in ranges)
