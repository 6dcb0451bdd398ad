"""Which question of a data row a line answers, and at which times: no question may be answered twice.

No source says which of two answers wins (docs/reference/labelbox-format.md#2-1).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prelabel_sandbox.checks.ontology import Feature

Time = tuple[int, int, str]
"""Start and end, both inclusive, and the id of the option that holds then."""


def question_of(line: dict[str, Any], feature: Feature) -> str | None:
    """Return what tells a line's question from others of its feature: a message's id, or "". None: it may be repeated.

    Call with a line whose form was checked, as all functions here.
    """
    if "messageEvaluationTask" in line:
        return str(line["messageEvaluationTask"]["data"]["parentMessageId"])
    if not feature.shape or is_timed(line):
        return None
    return str(line.get("messageId", ""))


def times_of(line: dict[str, Any], feature: Feature) -> Iterator[Time]:
    """Return the times of the options of a radio that a line answers for intervals."""
    if feature.shape == "radio" and is_timed(line):
        for option in _items(line):
            for interval in option.get("frames", line.get("frames", ())):
                yield interval["start"], interval["end"], _chosen(option, feature)


def is_timed(line: dict[str, Any]) -> bool:
    """Return whether a line answers for intervals of frames or of milliseconds."""
    return "frames" in line or any(
        isinstance(item, dict) and item.keys() & {"frames", "value"} for item in _items(line)
    )


def overlap(times: Iterable[Time]) -> bool:
    """Return whether two options hold at one time."""
    reach, holder = -1, ""
    for start, end, option in sorted(times):
        if start <= reach and option != holder:
            return True
        if end > reach:
            reach, holder = end, option
    return False


class Held:
    """The times at which the options of a radio hold on a data row, as far as its lines are judged.

    Kept without overlaps: a feature may have thousands of lines, and each asks for its own times only.
    """

    def __init__(self) -> None:
        self._times: list[Time] = []  # ascending; overlapping times of one option are one

    def clash(self, times: Sequence[Time]) -> bool:
        """Return whether another option holds at one of these times, or two of these do at one time."""
        return overlap(times) or any(kept[2] != time[2] for time in times for kept in self._times[self._meeting(time)])

    def add(self, times: Iterable[Time]) -> None:
        """Take the times of a line that do not clash."""
        for time in times:
            place = self._meeting(time)
            met = [time, *self._times[place]]
            self._times[place] = [(min(start for start, _, _ in met), max(end for _, end, _ in met), time[2])]

    def _meeting(self, time: Time) -> slice:
        """Return where the times are that have a moment in common with this one."""
        start, end, _ = time
        first = bisect_left(self._times, start, key=lambda kept: kept[1])
        return slice(first, bisect_right(self._times, end, first, key=lambda kept: kept[0]))


def _chosen(option: dict[str, Any], feature: Feature) -> str:
    """Return the id of an option, also where its key is misspelt as the official client does."""
    reference = {"name": option.get("name"), "schemaId": option.get("schemaId", option.get("schema_id"))}
    return feature.below.find({key: value for key, value in reference.items() if value is not None}).schema_id


def _items(line: dict[str, Any]) -> list[Any]:
    answer = line.get("answer", line.get("answers"))
    return answer if isinstance(answer, list) else [answer]
