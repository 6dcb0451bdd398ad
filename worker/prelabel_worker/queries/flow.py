"""Read numbers by time: what became of rows by minute and quarter hour, dead letters by group, requests by account.

`FlowKeys` in prelabel/wire/keys.py says where they are, flow_points.py what a reader gets. A key of another type counts
as empty, and so does a value that is no number. All times are Redis's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client, has_slots, is_of_keys
from prelabel_worker.queries.flow_points import FlowPoint, Requests

MINUTES = 60
"""Number of minutes that can be read."""
QUARTERS = 96
"""Number of quarter hours that can be read."""
_CLOSED_SECONDS = 60  # after its end a hash cannot change any more, whatever the clocks of a cluster's nodes are
_MOST_HASHES = 16  # of a scale; a day has 12 of two hours
_TOGETHER = 500  # hashes in one round trip
_Hash = Mapping[bytes, int]


@dataclass(frozen=True, slots=True)
class _Scale:
    """How time is divided."""

    #: Seconds of one hash.
    span: int
    #: Seconds of one place in it.
    step: int
    #: Return the key of the hash with a number.
    key: Callable[[keys.FlowKeys, int], str]


_BY_MINUTE = _Scale(600, 60, keys.FlowKeys.minutes)
_BY_QUARTER = _Scale(7200, 900, keys.FlowKeys.quarters)
_OF_GROUPS = _Scale(7200, 900, keys.FlowKeys.groups)


class _Interval(NamedTuple):
    """A place in a hash."""

    #: When it begins, in Unix seconds.
    start: int
    #: The number of the hash.
    number: int
    #: The place.
    place: int


class _Closed:
    """The sums of hashes whose time is over. Thread-safe: what is kept of a scale is replaced as a whole."""

    def __init__(self) -> None:
        self._kept: dict[_Scale, tuple[frozenset[str], dict[int, Counter[bytes]]]] = {}

    def of(self, project_ids: Sequence[str], scale: _Scale) -> dict[int, Counter[bytes]]:
        """Return the known sums of exactly these projects, by number of the hash."""
        projects, sums = self._kept.get(scale, (frozenset(), {}))
        return dict(sums) if projects == frozenset(project_ids) else {}

    def keep(self, project_ids: Sequence[str], scale: _Scale, sums: Mapping[int, Counter[bytes]], current: int) -> None:
        """Keep the sums below the number `current`, and none that nobody asks for any more."""
        kept = {number: counts for number, counts in sums.items() if current - _MOST_HASHES <= number < current}
        self._kept[scale] = frozenset(project_ids), kept


class FlowReader:
    """Reads the numbers in one Redis, for many projects in one round trip for every few hundred hashes."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._closed = _Closed()

    def minutes(self, project_id: str, n: int = MINUTES) -> list[FlowPoint]:
        """Return the last `n` minutes of a project, oldest first; the last is the current one."""
        return self.minutes_of([project_id], n)[project_id]

    def quarters(self, project_id: str, n: int = QUARTERS) -> list[FlowPoint]:
        """Return the last `n` quarter hours of a project, oldest first; the last is the current one."""
        return self.quarters_of([project_id], n)[project_id]

    def minutes_of(self, project_ids: Sequence[str], n: int = MINUTES) -> dict[str, list[FlowPoint]]:
        """Return the last `n` minutes of several projects."""
        return self._points(project_ids, _BY_MINUTE, n)

    def quarters_of(self, project_ids: Sequence[str], n: int = QUARTERS) -> dict[str, list[FlowPoint]]:
        """Return the last `n` quarter hours of several projects."""
        return self._points(project_ids, _BY_QUARTER, n)

    def sum_of(self, project_ids: Sequence[str], last_minutes: int = MINUTES) -> list[FlowPoint]:
        """Return the last minutes of several projects together, oldest first.

        What cannot change any more is read once by each reader, as long as it asks for the same projects: a reader of
        thousands of projects should live long.
        """
        return self._sum(project_ids, _BY_MINUTE, last_minutes)

    def quarters_sum_of(self, project_ids: Sequence[str], n: int = QUARTERS) -> list[FlowPoint]:
        """Return the last quarter hours of several projects together, oldest first."""
        return self._sum(project_ids, _BY_QUARTER, n)

    def totals(self, project_ids: Sequence[str]) -> dict[str, FlowPoint]:
        """Return the sums of each project since a release counted them first."""
        hashes = self._hashes([self._flow(project_id).total for project_id in project_ids])
        return {project: FlowPoint.of(_text(sums)) for project, sums in zip(project_ids, hashes, strict=True)}

    def groups(self, project_id: str) -> dict[str, list[int]]:
        """Return the new dead letters of each fingerprint in the last 96 quarter hours, oldest first.

        `other` has those of fingerprints that came when a hash was full.
        """
        intervals = _intervals(self._now(), _OF_GROUPS, QUARTERS)
        numbers = self._read([self._flow(project_id)], _OF_GROUPS, intervals)[0]
        groups: dict[str, list[int]] = {}
        for at, counts in enumerate(_places(numbers, intervals)):
            for fingerprint, rows in counts.items():
                groups.setdefault(fingerprint, [0] * QUARTERS)[at] = rows
        return groups

    def first_seen(self, project_id: str) -> dict[str, int]:
        """Return when each fingerprint had its first dead letter ever, in ms."""
        return _text(next(self._hashes([self._flow(project_id).first])))

    def requests(self, account: str, minutes: int = MINUTES) -> list[Requests]:
        """Return the requests of workers with an account in the last minutes, oldest first."""
        return self._requests(account, _BY_MINUTE, minutes)

    def requests_by_quarter(self, account: str, n: int = QUARTERS) -> list[Requests]:
        """Return the requests of workers with an account in the last quarter hours, oldest first."""
        return self._requests(account, _BY_QUARTER, n)

    def request_totals(self, accounts: Sequence[str]) -> dict[str, Requests]:
        """Return the requests of workers with each account since a release counted them first."""
        hashes = self._hashes([keys.account_flow(self._prefix, account).total for account in accounts])
        return {account: Requests.of(_text(sums)) for account, sums in zip(accounts, hashes, strict=True)}

    def _points(self, project_ids: Sequence[str], scale: _Scale, n: int) -> dict[str, list[FlowPoint]]:
        intervals = _intervals(self._now(), scale, n)
        read = self._read([self._flow(project_id) for project_id in project_ids], scale, intervals)
        return {
            project_id: [
                FlowPoint.of(counts, interval.start)
                for interval, counts in zip(intervals, _places(numbers, intervals), strict=True)
            ]
            for project_id, numbers in zip(project_ids, read, strict=True)
        }

    def _sum(self, project_ids: Sequence[str], scale: _Scale, n: int) -> list[FlowPoint]:
        now = self._now()
        intervals = _intervals(now, scale, n)
        known = self._closed.of(project_ids, scale)
        unknown = [interval for interval in intervals if interval.number not in known]
        sums: dict[int, Counter[bytes]] = {interval.number: Counter() for interval in unknown}
        for numbers in self._read([self._flow(project_id) for project_id in project_ids], scale, unknown):
            for number, fields in numbers.items():
                sums[number].update(fields)
        known |= sums
        self._closed.keep(project_ids, scale, known, (now - _CLOSED_SECONDS) // scale.span)
        places = _places({interval.number: known[interval.number] for interval in intervals}, intervals)
        return [FlowPoint.of(counts, interval.start) for interval, counts in zip(intervals, places, strict=True)]

    def _requests(self, account: str, scale: _Scale, n: int) -> list[Requests]:
        intervals = _intervals(self._now(), scale, n)
        numbers = self._read([keys.account_flow(self._prefix, account)], scale, intervals)[0]
        places = _places(numbers, intervals)
        return [Requests.of(counts, interval.start) for interval, counts in zip(intervals, places, strict=True)]

    def _read(
        self, flows: Sequence[keys.FlowKeys], scale: _Scale, intervals: Sequence[_Interval]
    ) -> list[dict[int, _Hash]]:
        """Return the hashes of the intervals, by number, of each project or account."""
        numbers = list(dict.fromkeys(interval.number for interval in intervals))
        names = [scale.key(flow, number) for flow in flows for number in numbers]
        hashes = self._hashes(names, in_one_slot=len(numbers))
        return [{number: next(hashes) for number in numbers} for _ in flows]

    def _hashes(self, names: Sequence[str], in_one_slot: int = 1) -> Iterator[_Hash]:
        """Read hashes. In a cluster, a round trip is for as many names as follow each other in one slot."""
        together = max(in_one_slot, 1) if has_slots(self._client) else _TOGETHER
        for at in range(0, len(names), together):
            with self._client.pipeline(transaction=False) as pipeline:
                for name in names[at : at + together]:
                    pipeline.hgetall(name)
                yield from map(_counts, pipeline.execute(raise_on_error=False))

    def _flow(self, project_id: str) -> keys.FlowKeys:
        return keys.ProjectKeys(self._prefix, project_id).flow

    def _now(self) -> int:
        """Return Redis's time in Unix seconds."""
        return int(self._client.time()[0])


def _intervals(now: int, scale: _Scale, n: int) -> list[_Interval]:
    """Return the last `n` places of a scale, the current one last."""
    starts = range((now // scale.step - n + 1) * scale.step, now + 1, scale.step)
    return [_Interval(start, start // scale.span, start % scale.span // scale.step) for start in starts]


def _places(numbers: Mapping[int, _Hash], intervals: Sequence[_Interval]) -> list[dict[str, int]]:
    """Return what the hashes have of each interval."""
    at_place = {(interval.number, b"%d" % interval.place): at for at, interval in enumerate(intervals)}
    counts: list[dict[str, int]] = [{} for _ in intervals]
    for number, fields in numbers.items():
        for field, value in fields.items():
            place, _, series = field.partition(b":")
            at = at_place.get((number, place))
            if at is not None:
                counts[at][series.decode("utf-8", "replace")] = value
    return counts


def _counts(answer: Mapping[bytes, bytes] | Exception) -> _Hash:
    """Return the numbers of a hash. Raises what Redis answered, unless that is about the key."""
    if isinstance(answer, Exception):
        if isinstance(answer, redis.RedisError) and is_of_keys(answer):
            return {}
        raise answer
    return {name: int(value) for name, value in answer.items() if value.isdigit()}


def _text(fields: _Hash) -> dict[str, int]:
    return {name.decode("utf-8", "replace"): value for name, value in fields.items()}
