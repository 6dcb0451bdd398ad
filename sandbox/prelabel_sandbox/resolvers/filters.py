"""Filters of lists, as the SDK builds them: `{AND: [{name: "a"}, {createdAt_gt: …}]}`."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "": operator.eq,
    "not": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def matches(record: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Return whether a record has what each key of a filter wants; the schema knows which keys there are."""
    return all(_holds(record, key, wanted) for key, wanted in (where or {}).items())


def _holds(record: Mapping[str, Any], key: str, wanted: Any) -> bool:
    if key == "AND":
        return all(matches(record, part) for part in wanted)
    name, _, comparison = key.partition("_")
    return _COMPARISONS[comparison](record[name], wanted)
