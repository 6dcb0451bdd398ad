"""Reads a chunk: its rows, from the frames and held rows that it refers to, and the lines of its import."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from redis.client import Pipeline

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.frame import (
    UnknownVersion,
    UnreadableFrame,
    copy_from_row,
    first_row,
    read_header,
    read_messages,
    traces_of,
)
from prelabel_worker.chunks.chunk import Chunk, Item
from prelabel_worker.chunks.held_rows import split_body
from prelabel_worker.chunks.held_state import read_state
from prelabel_worker.chunks.project_memory import ask_forms, forms_answered
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, Unreadable
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.errors import LeaseLost
from prelabel_worker.labelbox.ontology_cache import Cached, ask_ontology, ontology_answered
from prelabel_worker.quarantine.pipelines import ask


class RowReader:
    """Reads the chunks of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix

    def rows(self, chunk: Chunk) -> list[ChunkRow | Unreadable]:
        """Return the rows of the chunk without an outcome, read from their frames and held rows. Raises LeaseLost."""
        rows: list[ChunkRow | Unreadable] = []
        for part in self.blocks(chunk):
            rows += part.rows() if isinstance(part, RowBlock) else [part]
        return rows

    def blocks(self, chunk: Chunk) -> "ChunkBlocks":
        """Return the same rows in blocks. Raises LeaseLost."""
        with self._client.pipeline(transaction=False) as pipeline:
            self._ask_blocks(pipeline, chunk)
            return _blocks_answered(chunk, pipeline.execute())

    def to_build(self, chunk: Chunk) -> "tuple[ChunkBlocks, Cached | None]":
        """Return what a file is built from, in one round trip: the rows in blocks and the cached ontology, if any.

        Raises LeaseLost.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            ask_ontology(pipeline, self._keys(chunk.project_id))
            self._ask_blocks(pipeline, chunk)
            now, ontology, *answers = pipeline.execute()
        return _blocks_answered(chunk, answers), ontology_answered(now, ontology)

    def _ask_blocks(self, pipeline: Pipeline, chunk: Chunk) -> None:
        """Add the commands to a pipeline whose answers `_blocks_answered` reads."""
        project_keys = self._keys(chunk.project_id)
        frame_ids, held_ids = _frame_ids(chunk), _held_ids(chunk)
        pipeline.get(project_keys.chunk_aside(chunk.id))
        pipeline.hmget(project_keys.frames, frame_ids or [""])
        pipeline.hmget(project_keys.held, held_ids or [""])
        pipeline.hmget(project_keys.held_body, held_ids or [""])
        # Read last: if the token is still ours, nobody settled a row meanwhile and deleted its frame.
        pipeline.hget(project_keys.chunk(chunk.id), "token")
        ask_forms(pipeline, project_keys)

    def sent_lines(self, chunk: Chunk) -> SentLines:
        """Return the lines that the import of this chunk consists of."""
        (lines,) = self.all_sent_lines([chunk])
        return lines()

    def all_sent_lines(self, chunks: Sequence[Chunk]) -> list[Callable[[], SentLines]]:
        """Read the lines of several imports in one round trip.

        Each of the functions returns those of one chunk, or raises the error of its project.
        """

        def get(pipeline: Pipeline, chunk: Chunk) -> None:
            pipeline.get(self._keys(chunk.project_id).chunk_sent(chunk.id))

        return [partial(_sent_lines, data) for _, (data,) in ask(self._client, chunks, get)]

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._prefix, project_id)


def _frame_ids(chunk: Chunk) -> list[str]:
    return list(dict.fromkeys(item.id for item in chunk.items if item.kind == "f"))


def _held_ids(chunk: Chunk) -> list[str]:
    return [item.id for item in chunk.items if item.kind == "h"]


def _blocks_answered(chunk: Chunk, answers: Sequence[Any]) -> "ChunkBlocks":
    """Return the rows that Redis answered. Raises LeaseLost."""
    aside, frames, states, bodies, token, *forms = answers
    if token != chunk.token.encode():
        raise LeaseLost
    stored = dict(zip(_frame_ids(chunk), frames, strict=False))
    held = {name: pair for name, *pair in zip(_held_ids(chunk), states, bodies, strict=False)}
    return ChunkBlocks(chunk, stored, held, aside or b"", forms_answered(*forms))


def _sent_lines(data: Any) -> SentLines:
    if isinstance(data, Exception):
        raise data
    return SentLines.from_bytes(data)


class ChunkBlocks:
    """The rows of a chunk without an outcome, in order: blocks of frames, and held rows one by one.

    A frame is decompressed when it is reached, anew in each iteration, so that only the messages of one are in memory.
    Of a frame that several lanes share, which the chunk reaches several times, the messages for later are kept.
    """

    def __init__(
        self,
        chunk: Chunk,
        frames: dict[str, bytes | None],
        held: dict[str, list[bytes | None]],
        aside: bytes,
        forms: str,
    ) -> None:
        self.forms = forms
        """How rows of the project may name their data rows, as `ProjectMemory.forms` returns it."""
        self._chunk = chunk
        self._frames = frames
        self._held = held
        # A bit for each row, 1 if the row was set aside; rows behind the last byte were not.
        self._aside = aside

    def __iter__(self) -> Iterator[RowBlock | ChunkRow | Unreadable]:
        """Yield the rows. Raises what `read_state` raises for a state that no worker wrote."""
        index = 0
        blocks = self._blocks()
        for at, item in enumerate(self._chunk.items):
            part = _held_row(index, item, *self._held[item.id]) if item.kind == "h" else next(blocks[item.id])
            if part is not None:
                part.published_ms = self._chunk.published_ms(at)
            if isinstance(part, RowBlock):
                yield from self._without_outcome(part)
            elif part is not None and self._has_no_outcome(part.index):
                yield part
            index += item.high - item.low

    def _blocks(self) -> dict[str, Iterator[RowBlock | Unreadable]]:
        """Return the blocks of each frame, one for each item that refers to it. No frame is read yet."""
        places: dict[str, list[tuple[int, Item]]] = {}
        index = 0
        for item in self._chunk.items:
            if item.kind == "f":
                places.setdefault(item.id, []).append((index, item))
            index += item.high - item.low
        return {frame_id: _blocks_of(self._frames[frame_id], items) for frame_id, items in places.items()}

    def traces(self) -> Iterator[bytes]:
        """Yield the contexts that the chunk's frames name, in which their rows were published."""
        for frame in self._frames.values():
            yield from traces_of(frame or b"")

    def _without_outcome(self, block: RowBlock) -> Iterator[RowBlock]:
        """Yield the parts of a block whose rows have no outcome: the block itself while no row has one."""
        if block.index >= max(self._chunk.cursor, 8 * len(self._aside)):
            if block.messages:
                yield block
            return
        waits = [self._has_no_outcome(block.index + at) for at in range(len(block.messages))]
        for has_none, places in groupby(range(len(waits)), waits.__getitem__):
            if has_none:
                first, *others = places
                messages = block.messages[first : first + 1 + len(others)]
                start, seq = block.index + first, block.seq + first
                yield RowBlock(start, seq, block.lane, messages, block.published_ms)

    def _has_no_outcome(self, index: int) -> bool:
        byte = index >> 3
        aside = byte < len(self._aside) and self._aside[byte] & (0x80 >> (index & 7))
        return index >= self._chunk.cursor and not aside


def _blocks_of(frame: bytes | None, items: Sequence[tuple[int, Item]]) -> Iterator[RowBlock | Unreadable]:
    """Yield the rows of each of these items of a frame; an item comes with the place of its first row in the chunk.

    The frame is read when the first of them is reached, and only their messages are kept.
    """
    header = None
    try:
        if frame is None:
            raise UnreadableFrame("the frame is not in Redis any more")
        header = read_header(frame)
        messages = read_messages(frame)
    except (UnreadableFrame, UnknownVersion) as error:  # a newer version is seen before: this frame is broken
        for index, item in items:
            lane = header.lane_at(item.low) if header else 0
            rows, seq, raw = item.high - item.low, item.seq + item.low, copy_from_row(frame or b"", item.low)
            yield Unreadable(index, rows, seq, lane, raw, f"f{seq}", str(error))
        return
    if (most := max(item.high for _, item in items)) > len(messages):
        raise IndexError(f"the chunk has {most} rows of a frame that holds {len(messages)}")
    parts = deque(messages[item.low : item.high] for _, item in items)
    del messages
    for index, item in items:
        yield RowBlock(index, item.seq + item.low, header.lane_at(item.low), parts.popleft())


def _held_row(
    index: int, item: Item, state: bytes | None, body: bytes | None
) -> RowBlock | ChunkRow | Unreadable | None:
    """Return a held row on its way back, or the rows of a frame that could not be read before."""
    if state is None or body is None:
        return None  # it got its outcome in an earlier attempt of this chunk
    known = read_state(state)
    _, payload = split_body(body)
    if item.id.startswith("f"):
        first = first_row(payload)  # row 0 of the item
        in_frame = item._replace(low=first + item.low, high=first + item.high, seq=item.seq - first)
        part = next(_blocks_of(payload, [(index, in_frame)]))
        return replace(part, held_id=item.id) if isinstance(part, Unreadable) else part
    return ChunkRow(index, item.seq, known.lane, payload, item.id, known.superseded, known.reason)
