"""Which error groups a person should look at first: new, regressed, or rising ones. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prelabel_worker.queries.error_groups import ErrorGroup

NEW_SECONDS = 3_600.0
"""A group is new for so many seconds after its first row died."""
RISING_FACTOR, RISING_ROWS = 3.0, 10
"""A group rises if in the last hour so many times more rows died of it than in an hour of the day before, and at least
so many rows."""
_QUARTERS_OF_AN_HOUR = 4


@dataclass(frozen=True, slots=True)
class Notable:
    """A group to look at."""

    #: The group.
    group: ErrorGroup
    #: Why: `regressed`, `new` or `rising`.
    why: str
    #: Rows that died in the last quarter hours, oldest first; empty if nothing is known.
    counts: Sequence[int]


def notable(
    groups: Sequence[ErrorGroup], counts: Mapping[str, Sequence[int]], now: float, most: int = 5
) -> list[Notable]:
    """Return at most `most` open groups to look at: regressed ones, then new ones, then rising ones; largest first."""
    order = ("regressed", "new", "rising")
    reasons = ((group, _why(group, counts.get(group.group, ()), now)) for group in groups)
    listed = [Notable(group, why, counts.get(group.group, ())) for group, why in reasons if why]
    return sorted(listed, key=lambda one: (order.index(one.why), -one.group.rows))[:most]


def _why(group: ErrorGroup, counts: Sequence[int], now: float) -> str:
    if group.state == "regressed":
        return "regressed"
    if group.state != "open" or group.first_at is None:
        return ""
    if now - group.first_at < NEW_SECONDS:
        return "new"
    return "rising" if _rises(counts) else ""


def _rises(counts: Sequence[int]) -> bool:
    before, last = counts[:-_QUARTERS_OF_AN_HOUR], sum(counts[-_QUARTERS_OF_AN_HOUR:])
    if last < RISING_ROWS or not before:
        return False
    return last > RISING_FACTOR * sum(before) * _QUARTERS_OF_AN_HOUR / len(before)
