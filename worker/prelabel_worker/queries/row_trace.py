"""Where a row is and what became of it, asked by its data row or its message id. Read-only.

Three places are looked at: the history of settled chunks, the held rows, and the frames that wait or are in a chunk.
Frames are read one by one, so of those no more than a bound are; the answer says when that was not all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import starmap

import orjson

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.frame import UnknownVersion, UnreadableFrame, read_messages
from prelabel.wire.lanes import MAX_LANES, lane_of
from prelabel_worker.chunks.annotation_counts import Leftovers
from prelabel_worker.chunks.held_state import HeldState, read_state
from prelabel_worker.chunks.history import SettledRow, digest_of
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.leftovers import read_leftovers

MOST_FRAMES = 5_000
"""Frames that one question reads at most."""
_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Settled:
    """A row left its chunk: imported, superseded, skipped, or held for a reason."""

    import_: ImportStatus
    row: SettledRow


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that waits in its lane, or is in a chunk; `made_ms` is when its frame was made."""

    seq: int
    lane: int
    message_id: str | None
    made_ms: int
    chunk: ImportStatus | None


@dataclass(slots=True)
class Trace:
    """Everything that is known of the rows that were asked for; settled ones newest first."""

    settled: list[Settled] = field(default_factory=list)
    held: list[tuple[str, HeldState]] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    leftovers: list[Leftovers] = field(default_factory=list)
    searched_all: bool = True

    @property
    def found(self) -> bool:
        """Whether anything is known."""
        return bool(self.settled or self.held or self.dead_letters or self.waiting or self.leftovers)


class Tracer:
    """Finds rows of the projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX, *, history_days: float) -> None:
        self._client = client
        self._prefix = key_prefix
        self._history_days = history_days
        self._imports = Imports(client, key_prefix)
        self._held = HeldRows(client, key_prefix)

    def trace(self, project_id: str, wanted: str) -> Trace:
        """The rows whose global key, data row id or message id this is."""
        found = Trace(settled=list(self._settled(project_id, wanted)))
        ids = dict.fromkeys(str(each.row.arrival.seq) for each in found.settled)
        dead_letter_id = self._client.hget(keys.ProjectKeys(self._prefix, project_id).dead_messages, wanted)
        if dead_letter_id:
            ids[dead_letter_id.decode()] = None
        # One that is being tried is no dead letter, and the history may have forgotten why it was held.
        tried = self._held.being_tried(project_id, MOST_FRAMES)
        ids |= dict.fromkeys(self._about(project_id, tried, wanted))
        self._add_held(found, project_id, list(ids))
        self._add_waiting(found, project_id, wanted)
        found.searched_all = found.searched_all and len(tried) < MOST_FRAMES
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        found.leftovers = read_leftovers(self._client, project_keys, project_id, wanted, self._history_days)
        return found

    def _settled(self, project_id: str, wanted: str) -> Iterator[Settled]:
        keys_asked = [digest_of(f"{form}:{wanted}") for form in "ik"]
        rows = self._imports.settled_rows(project_id, data_rows=keys_asked, message=digest_of(wanted))
        return starmap(Settled, rows)

    def _about(self, project_id: str, held_ids: list[str], wanted: str) -> Iterator[str]:
        """Those of these held rows whose data row or message id this is."""
        for row in self._held.rows(project_id, held_ids):
            if wanted in (row.data_row.partition(":")[2], row.message_id):
                yield row.id

    def _add_held(self, found: Trace, project_id: str, ids: list[str]) -> None:
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        states = self._client.hmget(project_keys.held, ids) if ids else []
        for held_id, state in zip(ids, states, strict=True):
            dead_letter = self._held.dead_letter(project_id, held_id) if state else None
            if dead_letter is not None:
                found.dead_letters.append(dead_letter)
            elif state:
                found.held.append((held_id, read_state(state)))

    def _add_waiting(self, found: Trace, project_id: str, wanted: str) -> None:
        """First the lanes that a data row of this name has; then, should it be a message id, all others."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        lanes = int(self._client.hget(project_keys.meta, "lanes") or 0)
        if not lanes:
            return
        if not 0 < lanes <= MAX_LANES:
            raise ValueError("meta.lanes")
        likely = {lane_of(f"i:{wanted}", lanes), lane_of(f"k:{wanted}", lanes)}
        places = _Places(self._client, project_keys, self._imports.open(project_id))
        found.waiting = list(places.search(likely, wanted))
        if not found.found:
            found.waiting = list(places.search(set(range(lanes)) - likely, wanted))
        found.searched_all = places.left > 0


class _Places:
    """The frames of a project that are not settled, read as far as the bound allows."""

    def __init__(self, client: Client, project_keys: keys.ProjectKeys, chunks: list[ImportStatus]) -> None:
        self._client = client
        self._keys = project_keys
        self._chunks = chunks
        self.left = MOST_FRAMES

    def search(self, lanes: set[int], wanted: str) -> Iterator[Waiting]:
        for lane in sorted(lanes):
            entries = [line.decode().split(" ") for line in self._client.lrange(self._keys.lane(lane), 0, -1)]
            frames = [(entry[1], int(entry[6])) for entry in entries if entry[0] == "f"]
            yield from self._in_frames(frames, lane, wanted, None)
        for chunk in self._chunks:
            if lanes.intersection(chunk.lanes):
                items = self._client.hget(self._keys.chunk(chunk.chunk_id), "items") or b""
                parts = [line.split(" ") for line in items.decode().splitlines()]
                frames = [(part[1], int(part[4])) for part in parts if part[0] == "f"]
                yield from self._in_frames(frames, -1, wanted, chunk)

    def _in_frames(
        self, frames: list[tuple[str, int]], lane: int, wanted: str, chunk: ImportStatus | None
    ) -> Iterator[Waiting]:
        frames = frames[: self.left]
        self.left -= len(frames)
        for at in range(0, len(frames), _TOGETHER):
            part = frames[at : at + _TOGETHER]
            bodies = self._client.hmget(self._keys.frames, [frame_id for frame_id, _ in part])
            for (frame_id, seq), frame in zip(part, bodies, strict=True):
                for offset, message_id in _rows_of(frame, wanted):
                    yield Waiting(seq + offset, lane, message_id, int(frame_id[:12], 16), chunk)


def _rows_of(frame: bytes | None, wanted: str) -> Iterator[tuple[int, str | None]]:
    """The place in the frame and the message id of the rows that are meant."""
    if frame is None:
        return
    try:
        messages = read_messages(frame)
    except (UnreadableFrame, UnknownVersion):
        return
    spelt = orjson.dumps(wanted)
    for offset, raw in enumerate(messages):
        if spelt not in raw:
            continue
        message = orjson.loads(raw)
        data_row = message.get("dataRow") or {}
        if wanted in (data_row.get("id"), data_row.get("globalKey"), message.get("messageId")):
            yield offset, message.get("messageId")
