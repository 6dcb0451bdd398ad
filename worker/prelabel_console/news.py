"""Error groups that a person should look at first: new ones, those that came back, and those that grow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prelabel_console.charts import spark_of
from prelabel_console.dead import DeadTools
from prelabel_worker.queries.error_groups import ErrorGroup

NEW_SECONDS = 86_400.0
"""A group is new for this long after its first row died."""
SHOWN = 6
"""Maximum number of groups that the overview shows."""
_HOUR = 4  # quarters of an hour
_RISES = 2.0
_LEAST_ROWS = 10
_CANDIDATES = 40
Kind = Literal["regressed", "new", "rising"]
_ORDER: tuple[Kind, ...] = ("regressed", "new", "rising")


@dataclass(frozen=True, slots=True)
class GroupNews:
    """An error group that a person should look at."""

    #: The group.
    group: ErrorGroup
    #: Why: it came back after it was resolved, it is new, or more rows die of it than before.
    kind: Kind
    #: The sparkline of its deaths in the last day.
    spark: str


def news_of(groups: Sequence[ErrorGroup], occurrences: Mapping[str, Sequence[int]], now: float) -> list[GroupNews]:
    """Return the groups to look at first; `occurrences` are deaths by quarter hour, the current one last."""
    news = []
    for group in groups:
        counts = occurrences.get(group.group, ())
        kind = _kind(group, counts, now)
        if kind is not None:
            news.append(GroupNews(group, kind, spark_of(counts)))
    return sorted(news, key=lambda entry: (_ORDER.index(entry.kind), -entry.group.rows))[:SHOWN]


def _kind(group: ErrorGroup, counts: Sequence[int], now: float) -> Kind | None:
    if group.state == "regressed":
        return "regressed"
    if group.state != "open" or not group.rows:
        return None
    if group.first_at is not None and now - group.first_at < NEW_SECONDS:
        return "new"
    return "rising" if _rises(counts) else None


def _rises(counts: Sequence[int]) -> bool:
    """Return whether more rows died in the last hour than in the hours before, by far and not just a few."""
    last, before = sum(counts[-_HOUR:]), counts[:-_HOUR]
    usual = sum(before) * _HOUR / len(before) if before else 0.0
    return last >= _LEAST_ROWS and last > _RISES * usual


class News:
    """Reads which groups are news; `now` returns the time by Redis's clock, which groups are dated by."""

    def __init__(self, dead: DeadTools, now: Callable[[], float]) -> None:
        self._dead = dead
        self._now = now

    def read(self) -> list[GroupNews]:
        """Return the groups to look at first, of the largest ones."""
        reading = self._dead.groups.latest()
        candidates = [group for group in reading.value if group.state in ("open", "regressed")][:_CANDIDATES]
        return news_of(candidates, self._dead.occurrences(candidates), self._now())
