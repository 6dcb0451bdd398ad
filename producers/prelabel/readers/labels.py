"""Entities in text and classes of whole data rows, which the readers of models of language share."""

from collections.abc import Iterable, Iterator
from typing import Any

from prelabel.annotations.text import MAX_CHARACTERS
from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions


def entity(name: str, score: float | None, start: Any, end: Any, options: ReaderOptions) -> dict[str, Any] | None:
    """Return the entity `text[start:end]`, or None if the mapping leaves it out. Raises ValueError."""
    location = span(start, end)
    target = options.mapping.choose(name, score)
    if target is None:
        return None
    annotation: dict[str, Any] = {"name": target.feature, "location": location}
    if classifications := target.answers():
        annotation["classifications"] = classifications
    if score is not None:
        annotation["confidence"] = score
    return annotation


def span(start: Any, end: Any) -> dict[str, int]:
    """Return a half-open span of characters as Labelbox counts it, with its last character. Raises ValueError."""
    for value, name in ((start, "start"), (end, "end")):
        if type(value) is not int or not 0 <= value <= MAX_CHARACTERS:
            raise BadValue(name, f"the number of a character, from 0 to {MAX_CHARACTERS}", found_value(value))
    if end <= start:
        raise BadValue("end", f"more than start ({start}): it is the character after the last one", found_value(end))
    return {"start": start, "end": end - 1}


def answers_of(
    classes: Iterable[tuple[str, float | None]], feature: str, options: ReaderOptions
) -> Iterator[dict[str, Any]]:
    """Yield the answer for the best of these classes, or a checklist of those with `multi_label` or more.

    `feature` is for classes whose entry in the mapping names none.
    """
    if options.multi_label is None:
        best = max(classes, key=lambda item: 1.0 if item[1] is None else item[1], default=None)
        if best is not None and (target := options.mapping.choose(*best, feature)):
            answer = {"name": target.feature, "answer": {"name": target.option or best[0]}}
            yield answer if best[1] is None else answer | {"confidence": best[1]}
        return
    features: dict[str, dict[str, dict[str, Any]]] = {}
    for name, score in classes:
        if score is not None and score < options.multi_label:
            options.mapping.leave_out("below the score of --multi-label")
        elif target := options.mapping.choose(name, score, feature):
            option = target.option or name
            entry: dict[str, Any] = {"name": option} | ({} if score is None else {"confidence": score})
            features.setdefault(target.feature, {}).setdefault(option, entry)
    for name, by_name in features.items():
        yield {"name": name, "answer": list(by_name.values())}
