"""Which data rows an export has: the filters of the SDK, which all have to hold."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

_IDS = ("data_row_id", "global_key", "batch", "dataset")
_NAMES = ("data_row_id", "global_key", "dataset")
_TIMES = ("data_row_last_activity_at", "labeled_at")
_STATUSES = ("InReview", "InRework", "Done")
MAX_IDS = 2000  # as documented for data row ids and global keys


class Facts(NamedTuple):
    """What the filters ask about a data row."""

    id: str
    global_key: str | None
    dataset_id: str | None
    #: The project's batches that it is in.
    batches: Sequence[str]
    #: Unix time in seconds.
    last_activity: float
    #: Unix times in seconds.
    labeled: Sequence[float]
    #: Whether it has ground truth.
    is_done: bool


class Unusable(ValueError):
    """A filter cannot be used; the text says why."""


class Selection:
    """The filters of one export. Raises Unusable for one that is wrong, or that the sandbox does not know."""

    def __init__(self, query: Sequence[Any]) -> None:
        self._filters = [_checked(part) for part in query]

    def named(self) -> dict[str, frozenset[str]]:
        """Return the values of the filters by id, key and dataset, by their type; a type without filter is left out."""
        parts = [part for part in self._filters if part["type"] in _NAMES]
        return {
            kind: frozenset.intersection(*(part["ids"] for part in parts if part["type"] == kind))
            for kind in {part["type"] for part in parts}
        }

    def names(self, row_id: str, global_key: str | None, dataset_id: str | None) -> bool:
        """Return whether the filters by id, key and dataset have a data row; what it needs is known at once."""
        row = Facts(row_id, global_key, dataset_id, [], 0, [], is_done=False)
        return all(_holds(part, row) for part in self._filters if part["type"] in _NAMES)

    def has(self, row: Facts) -> bool:
        """Return whether a data row is in the export."""
        return all(_holds(part, row) for part in self._filters)


def _checked(part: Any) -> Mapping[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in _IDS:
        ids = part.get("ids")
        if not isinstance(ids, list) or not all(isinstance(value, str) for value in ids):
            raise Unusable(f"{kind}: expected ids as an array of strings")
        if kind in _IDS[:2] and len(ids) > MAX_IDS:
            raise Unusable(f"{kind}: at most {MAX_IDS} values, found {len(ids)}")
        return {"type": kind, "ids": frozenset(ids)}
    if kind in _TIMES:
        _bounds(part)
    elif kind == "task_queue_status":
        if part.get("status") not in _STATUSES:
            raise Unusable(f"task_queue_status: expected one of {', '.join(_STATUSES)}")
    elif kind != "task_queue_not_exist":
        known = ", ".join((*_IDS, *_TIMES, "task_queue_status", "task_queue_not_exist"))
        raise Unusable(f"expected a filter of a type among {known}; found {str(kind)[:100]}")
    checked: Mapping[str, Any] = part
    return checked


def _holds(part: Mapping[str, Any], row: Facts) -> bool:
    match part["type"]:
        case "data_row_id":
            return row.id in part["ids"]
        case "global_key":
            return row.global_key in part["ids"]
        case "batch":
            return any(batch in part["ids"] for batch in row.batches)
        case "dataset":
            return row.dataset_id in part["ids"]
        case "task_queue_status":
            return row.is_done and part["status"] == "Done"
        case "task_queue_not_exist":
            return not row.is_done
    earliest, latest = _bounds(part)
    times = row.labeled if part["type"] == "labeled_at" else [row.last_activity]
    return any(earliest <= time <= latest for time in times)


def _bounds(part: Mapping[str, Any]) -> tuple[float, float]:
    """Return the first and the last time of a filter. Raises Unusable."""
    try:
        operator, value = part["value"]["operator"], part["value"]["value"]
        if operator == "BETWEEN":
            return _seconds(value["min"]), _seconds(value["max"])
        if operator == "GREATER_THAN_OR_EQUAL":
            return _seconds(value), float("inf")
        if operator == "LESS_THAN_OR_EQUAL":
            return float("-inf"), _seconds(value)
    except (KeyError, TypeError, ValueError):
        pass
    raise Unusable(f"{part['type']}: expected an operator and times such as 2030-01-02 or 2030-01-02 03:04:05")


def _seconds(text: str) -> float:
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
