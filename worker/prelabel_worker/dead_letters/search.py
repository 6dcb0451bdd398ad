"""Search dead letters of one or all projects, newest first, page by page, with a bound on what one search reads.

Dead letters are ordered by the time of death, newest first; those of one ms by project, then by id from the largest. A
cursor is the last dead letter that was searched, whether it matched or not, so that a search can be continued where its
bound ended it.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, Self

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.dead_letters.batches import SLICE
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.reader import HeldReader
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.rendering.identity import row_key

MOST_SEARCHED = 50_000
"""Maximum number of dead letters that one search looks at."""
MOST_SECONDS = 2.0
"""Maximum seconds that one search takes, give or take one slice."""
_FIRST_OF_MANY = 2


class Cursor(NamedTuple):
    """A place in the order of dead letters."""

    #: When the dead letter died, in ms.
    ms: int
    #: Its project.
    project_id: str
    #: Its id.
    id: str

    @property
    def order(self) -> tuple[int, str, tuple[int, ...]]:
        """What places are sorted by, the first place first."""
        return -self.ms, self.project_id, tuple(-byte for byte in (*self.id.encode(), -1))

    def __str__(self) -> str:
        """Return the cursor as text, which `parse` reads."""
        return f"{self.ms}.{self.id}.{self.project_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor. Raises ValueError."""
        ms, *rest = text.split(".", 2)
        if len(rest) != 2 or not (ms.isascii() and ms.isdigit() and len(ms) < 16):
            raise ValueError("expected a cursor that a page gave")
        id_, project_id = rest
        return cls(int(ms), project_id, id_)


@dataclass(frozen=True, slots=True)
class Page:
    """Dead letters that a search found, and how far it went."""

    #: The dead letters, newest first, without their messages, which may have megabytes each.
    dead_letters: list[DeadLetter]
    #: How many dead letters were looked at.
    searched: int
    #: Where to continue; None if all were searched.
    next: Cursor | None
    #: Whether the bound ended the search before the page was full.
    bounded: bool


class Search:
    """Searches the dead letters of one Redis."""

    def __init__(
        self,
        client: Client,
        key_prefix: str = keys.DEFAULT_PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prefix = key_prefix
        self._held = HeldReader(client, key_prefix)
        self._clock = clock

    def page(
        self,
        project_ids: Sequence[str],
        chosen: DeadLetterFilter,
        *,
        after: Cursor | None = None,
        limit: int = 50,
        most: int = MOST_SEARCHED,
        most_seconds: float = MOST_SECONDS,
    ) -> Page:
        """Return the next `limit` dead letters after a cursor that a filter selects."""
        ends = self._clock() + most_seconds
        matching: list[DeadLetter] = []
        searched, last = 0, after
        for part in _parts(islice(self._walk(project_ids, chosen, after), most), limit):
            dead_letters = self._held.some([(place.project_id, place.id) for place in part])
            dead_letter = next(dead_letters, None)
            for place in part:
                searched, last = searched + 1, place
                if dead_letter is not None and (dead_letter.project_id, dead_letter.id) == place[1:]:
                    if chosen.accepts(dead_letter):
                        matching.append(replace(dead_letter, message=b"", header=b""))
                    dead_letter = next(dead_letters, None)
                if len(matching) == limit:
                    return Page(matching, searched, last, bounded=False)
                if self._clock() > ends:
                    return Page(matching, searched, last, bounded=True)
        bounded = searched >= most
        return Page(matching, searched, last if bounded else None, bounded=bounded)

    def _walk(self, project_ids: Sequence[str], chosen: DeadLetterFilter, after: Cursor | None) -> Iterator[Cursor]:
        """Yield the places after the cursor that the smallest index has, in order."""
        named = self._named(project_ids, chosen)
        if named is not None:
            yield from (place for place in named if after is None or place.order > after.order)
            return
        indexes = {name: chosen.index(keys.ProjectKeys(self._prefix, name)) for name in project_ids}
        streams = {name: _Stream(name, index, *chosen.range) for name, index in indexes.items()}
        if after is not None:
            for stream in streams.values():
                stream.start_after(after, self._client)
        self._fill(streams.values(), SLICE if len(streams) == 1 else _FIRST_OF_MANY)
        heads = [(stream.places[0].order, name) for name, stream in streams.items() if stream.places]
        heapq.heapify(heads)
        while heads:
            stream = streams[heads[0][1]]
            yield stream.places.popleft()
            if not stream.places and stream.more:
                self._fill([stream], SLICE)
            if stream.places:
                heapq.heapreplace(heads, (stream.places[0].order, stream.project_id))
            else:
                heapq.heappop(heads)

    def _fill(self, streams: Iterable["_Stream"], number: int) -> None:
        """Read the next places of streams, in few round trips. A stream whose key is not ours ends."""

        def ask_places(pipeline: Any, stream: _Stream) -> None:
            asked = number + len(stream.seen)
            pipeline.zrevrangebyscore(stream.key, stream.highest, stream.lowest, 0, asked, withscores=True)

        empty = [stream for stream in streams if stream.more and not stream.places]
        for stream, (answer,) in ask(self._client, empty, ask_places):
            stream.take(answer, number)

    def _named(self, project_ids: Sequence[str], chosen: DeadLetterFilter) -> list[Cursor] | None:
        """Return the places of the dead letters that the filter names; None if it names none."""
        rows = [row_key(key, chosen.model) for key in chosen.data_row_keys] if chosen.model is not None else []
        if not rows and chosen.message_id is None:
            return None

        def ask_ids(pipeline: Any, project_id: str) -> None:
            project_keys = keys.ProjectKeys(self._prefix, project_id)
            if chosen.message_id is not None:
                pipeline.hmget(project_keys.dead_messages, [chosen.message_id])
            else:
                pipeline.hmget(project_keys.held_rows, rows)

        def ask_death(pipeline: Any, pair: tuple[str, str]) -> None:
            pipeline.zscore(keys.ProjectKeys(self._prefix, pair[0]).dead, pair[1])

        pairs = [
            (name, held_id.decode())
            for name, (entries,) in ask(self._client, project_ids, ask_ids)
            for entry in (entries if isinstance(entries, list) else [])
            for held_id in (entry or b"").split()
        ]
        deaths = ask(self._client, pairs, ask_death)
        places = [Cursor(int(ms), *pair) for pair, (ms,) in deaths if isinstance(ms, float)]
        return sorted(places, key=lambda place: place.order)


@dataclass(slots=True)
class _Stream:
    """The places of one project, read some at a time from the newest on."""

    project_id: str
    key: str
    #: The bounds of the scores that were not read yet, as Redis takes them.
    highest: str | int
    lowest: str | int
    places: deque[Cursor] = field(default_factory=deque)
    #: Ids that were read with the highest score: a page begins at the last score of the page before.
    seen: set[str] = field(default_factory=set)
    more: bool = True

    def start_after(self, after: Cursor, client: Client) -> None:
        """Begin at the first place after the cursor."""
        if self.highest != "+inf" and int(self.highest) < after.ms:
            return  # all of it is after the cursor
        self.highest = after.ms if self.project_id > after.project_id else f"({after.ms}"
        if self.project_id == after.project_id:
            same_ms = client.zrevrangebyscore(self.key, after.ms, after.ms)
            places = (Cursor(after.ms, self.project_id, held_id.decode()) for held_id in same_ms)
            self.places.extend(place for place in places if place.order > after.order)

    def take(self, answer: Any, number: int) -> None:
        """Append the places of an answer of Redis, except those that were read before."""
        if not isinstance(answer, list) or not answer:
            self.more = False
            return
        fresh = [(held_id.decode(), int(ms)) for held_id, ms in answer]
        fresh = [entry for entry in fresh if entry[0] not in self.seen][:number]
        if not fresh:
            self.more = False
            return
        self.places.extend(Cursor(ms, self.project_id, held_id) for held_id, ms in fresh)
        last = fresh[-1][1]
        self.seen = {held_id for held_id, ms in fresh if ms == last} | (self.seen if last == self.highest else set())
        self.highest = last


def _parts(places: Iterator[Cursor], first: int) -> Iterator[list[Cursor]]:
    """Yield the places some at a time: first as many as a page shows, since most often all of them match."""
    size = min(first, SLICE)
    while part := list(islice(places, size)):
        yield part
        size = SLICE
