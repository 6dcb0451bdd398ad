"""Find where a row is and what became of it, by its data row or its message id. Read-only.

Three places are searched: the history of settled chunks, the held rows, and the frames that wait or are in a chunk.
Reads at most `MAX_FRAMES` frames; `searched_all` reports whether those were all. No index has the dead letters of a
data row without its model. So those that the history has forgotten are found by the models that the caller names, or
among the newest `MAX_DEAD` dead letters; `searched_dead` reports whether those were all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.frame import UnknownVersion, UnreadableFrame, read_messages
from prelabel.wire.lanes import MAX_LANES, lane_of
from prelabel_worker.chunks.annotation_counts import Counted, Leftovers
from prelabel_worker.chunks.held_state import HeldState, read_state
from prelabel_worker.chunks.history import Emptied, SettledRow, digest_of
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.leftovers import leftovers_of
from prelabel_worker.rendering.identity import FORMS, row_key

MAX_FRAMES = 5_000
"""Maximum number of frames that one trace reads."""
MAX_DEAD = 500
"""Maximum number of dead letters that one trace reads to find those of a data row."""
_DEAD_BYTES = 8_000_000
_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Settled:
    """A row that left its chunk: imported, superseded, skipped, or held for a reason."""

    import_: ImportStatus
    row: SettledRow


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row in a lane, or in a chunk (then `lane` is -1); its frame was made at `made_ms`, a Unix time in ms."""

    seq: int
    lane: int
    message_id: str | None
    made_ms: int
    chunk: ImportStatus | None


@dataclass(slots=True)
class Trace:
    """Everything found about one data row or message; settled rows newest first."""

    #: Rows that have left their chunk.
    settled: list[Settled] = field(default_factory=list)
    #: Held rows that are retrying: id and state.
    held: list[tuple[str, HeldState]] = field(default_factory=list)
    #: Dead letters.
    dead_letters: list[DeadLetter] = field(default_factory=list)
    #: Rows that wait or are in a chunk.
    waiting: list[Waiting] = field(default_factory=list)
    #: What remains in Labelbox of older messages.
    leftovers: list[Leftovers] = field(default_factory=list)
    #: Whether all frames and held rows were searched.
    searched_all: bool = True
    #: Whether all dead letters were searched; those that the history or a model leads to are always found.
    searched_dead: bool = True

    @property
    def found(self) -> bool:
        """Return whether anything was found."""
        return bool(self.settled or self.held or self.dead_letters or self.waiting or self.leftovers)


class Tracer:
    """Finds rows of the projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix
        self._imports = Imports(client, key_prefix)
        self._held = HeldRows(client, key_prefix)

    def trace(self, project_id: str, key: str, models: Sequence[str] = ()) -> Trace:
        """Find the rows that have this global key, data row id or message id; `models` may have predicted it."""
        trace = Trace()
        self._add_settled(trace, project_id, key)
        ids = dict.fromkeys(str(settled.row.arrival.seq) for settled in trace.settled)
        dead_letter_id = self._client.hget(keys.ProjectKeys(self._prefix, project_id).dead_messages, key)
        if dead_letter_id:
            ids[dead_letter_id.decode()] = None
        # A row that is being tried is not listed as a dead letter, and the history may have forgotten why it was held.
        tried = self._held.being_tried(project_id, MAX_FRAMES)
        ids |= dict.fromkeys(self._about(project_id, tried, key))
        ids |= dict.fromkeys(self._of_models(project_id, key, models))
        self._add_held(trace, project_id, list(ids))
        if not trace.dead_letters:
            self._add_newest_dead(trace, project_id, key)
        self._add_waiting(trace, project_id, key)
        trace.searched_all = trace.searched_all and len(tried) < MAX_FRAMES
        return trace

    def _add_settled(self, trace: Trace, project_id: str, key: str) -> None:
        by_digest = {digest_of(data_row_key): data_row_key for data_row_key in (f"i:{key}", f"k:{key}")}
        known: dict[str, list[tuple[Counted | Emptied, bool]]] = {key_: [] for key_ in by_digest.values()}
        chunks = self._imports.settled_rows(project_id, data_rows=list(by_digest), message=digest_of(key))
        for import_, rows, counted in chunks:
            trace.settled += [Settled(import_, row) for row in rows]
            for digest, messages in counted.items():
                known[by_digest[digest]] += [(message, import_.undone_at is not None) for message in messages]
        for data_row_key, newest_first in known.items():
            trace.leftovers += leftovers_of(project_id, data_row_key, reversed(newest_first))

    def _about(self, project_id: str, held_ids: list[str], key: str) -> Iterator[str]:
        """Yield the ids of those held rows that have this data row or message id."""
        for row in self._held.rows(project_id, held_ids):
            if key in (row.data_row.partition(":")[2], row.message_id):
                yield row.id

    def _of_models(self, project_id: str, key: str, models: Sequence[str]) -> list[str]:
        """Return the ids of the held rows of a data row and these models, or of no model."""
        rows = [row_key(f"{form}:{key}", model) for form in FORMS for model in dict.fromkeys(("", *models))]
        stored = self._client.hmget(keys.ProjectKeys(self._prefix, project_id).held_rows, rows)
        return [held_id.decode() for ids in stored if ids for held_id in ids.split()]

    def _add_newest_dead(self, trace: Trace, project_id: str, key: str) -> None:
        """Search the newest dead letters, as far as their messages have no more than some megabytes together."""
        dead = self._client.zrevrange(keys.ProjectKeys(self._prefix, project_id).dead, 0, MAX_DEAD)
        states = self._held.states(project_id, [held_id.decode() for held_id in dead[:MAX_DEAD]])
        small, size = [], 0
        for held_id, state in states.items():
            size += state.bytes
            if size <= _DEAD_BYTES:
                small.append(held_id)
        trace.searched_dead = len(small) == len(states) and len(dead) <= MAX_DEAD
        self._add_held(trace, project_id, list(self._about(project_id, small, key)))

    def _add_held(self, trace: Trace, project_id: str, ids: list[str]) -> None:
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        states = self._client.hmget(project_keys.held, ids) if ids else []
        for held_id, state in zip(ids, states, strict=True):
            dead_letter = self._held.dead_letter(project_id, held_id) if state else None
            if dead_letter is not None:
                trace.dead_letters.append(dead_letter)
            elif state:
                trace.held.append((held_id, read_state(state)))

    def _add_waiting(self, trace: Trace, project_id: str, key: str) -> None:
        """Search the lanes of a data row with this key; then all other lanes, since the key may be a message id."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        lanes = int(self._client.hget(project_keys.meta, "lanes") or 0)
        if not lanes:
            return
        if not 0 < lanes <= MAX_LANES:
            raise ValueError("meta.lanes")
        likely = {lane_of(f"i:{key}", lanes), lane_of(f"k:{key}", lanes)}
        places = _Places(self._client, project_keys, self._imports.open(project_id))
        trace.waiting = list(places.search(likely, key))
        if not trace.found:
            trace.waiting = list(places.search(set(range(lanes)) - likely, key))
        trace.searched_all = places.searched_all


class _Part(NamedTuple):
    """Rows `low` to `high` (exclusive) of a frame; `seq` is the arrival number of row 0."""

    frame_id: str
    low: int
    high: int
    seq: int


class _Places:
    """The unsettled frames of a project, of which at most `MAX_FRAMES` are read."""

    def __init__(self, client: Client, project_keys: keys.ProjectKeys, chunks: list[ImportStatus]) -> None:
        self._client = client
        self._keys = project_keys
        self._chunks = chunks
        self._frames_left = MAX_FRAMES

    @property
    def searched_all(self) -> bool:
        """Return whether all frames were read before the limit."""
        return self._frames_left > 0

    def search(self, lanes: set[int], key: str) -> Iterator[Waiting]:
        for lane in sorted(lanes):
            entries = [line.decode().split(" ") for line in self._client.lrange(self._keys.lane(lane), 0, -1)]
            parts = [_part_of_entry(entry) for entry in entries if entry[0] == "f"]
            yield from self._in_frames(parts, lane, key, None)
        for chunk in self._chunks:
            if lanes.intersection(chunk.lanes):
                items = self._client.hget(self._keys.chunk(chunk.chunk_id), "items") or b""
                lines = [line.split(" ") for line in items.decode().splitlines()]
                parts = [_Part(line[1], *map(int, line[2:5])) for line in lines if line[0] == "f"]
                yield from self._in_frames(parts, -1, key, chunk)

    def _in_frames(self, parts: list[_Part], lane: int, key: str, chunk: ImportStatus | None) -> Iterator[Waiting]:
        parts = parts[: self._frames_left]
        self._frames_left -= len(parts)
        for at in range(0, len(parts), _TOGETHER):
            together = parts[at : at + _TOGETHER]
            bodies = self._client.hmget(self._keys.frames, [part.frame_id for part in together])
            for part, frame in zip(together, bodies, strict=True):
                for row, message_id in _rows_of(frame, key):
                    if part.low <= row < part.high:
                        yield Waiting(part.seq + row, lane, message_id, int(part.frame_id[:12], 16), chunk)


def _part_of_entry(entry: list[str]) -> _Part:
    """Return the rows that the entry of a lane refers to; in the last field, if it has one, is their place."""
    rows, seq, low = int(entry[3]), int(entry[6]), int(entry[8]) if len(entry) > 8 else 0
    return _Part(entry[1], low, low + rows, seq - low)


def _rows_of(frame: bytes | None, key: str) -> Iterator[tuple[int, str | None]]:
    """Yield the number in the frame and the message id of each row that has this data row or message id."""
    if frame is None:
        return
    try:
        messages = read_messages(frame)
    except (UnreadableFrame, UnknownVersion):
        return
    key_as_json = orjson.dumps(key)
    for row, raw in enumerate(messages):
        if key_as_json not in raw:
            continue
        message = orjson.loads(raw)
        data_row = message.get("dataRow") or {}
        if key in (data_row.get("id"), data_row.get("globalKey"), message.get("messageId")):
            yield row, message.get("messageId")
