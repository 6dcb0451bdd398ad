"""Reads a chunk: its rows, from the frames and held rows that it refers to, and the lines of its import."""

from dataclasses import replace

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.frame import UnknownVersion, UnreadableFrame, read_header, read_messages
from prelabel_worker.chunks.chunk import Chunk, Item
from prelabel_worker.chunks.held_rows import split_body
from prelabel_worker.chunks.held_state import read_state
from prelabel_worker.chunks.rows import ChunkRow, Unreadable
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.errors import LeaseLost


class RowReader:
    """Reads the chunks of all projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix

    def rows(self, chunk: Chunk) -> list[ChunkRow | Unreadable]:
        """Return the rows of the chunk without an outcome, read from their frames and held rows. Raises LeaseLost."""
        project_keys = self._keys(chunk.project_id)
        frame_ids = list(dict.fromkeys(item.id for item in chunk.items if item.kind == "f"))
        held_ids = [item.id for item in chunk.items if item.kind == "h"]
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(project_keys.chunk_aside(chunk.id))
            pipeline.hmget(project_keys.frames, frame_ids or [""])
            pipeline.hmget(project_keys.held, held_ids or [""])
            pipeline.hmget(project_keys.held_body, held_ids or [""])
            # Read last: if the token is still ours, nobody settled a row meanwhile and deleted its frame.
            pipeline.hget(project_keys.chunk(chunk.id), "token")
            aside, frames, states, bodies, token = pipeline.execute()
        if token != chunk.token.encode():
            raise LeaseLost
        stored = dict(zip(frame_ids, frames, strict=False))
        held = {name: pair for name, *pair in zip(held_ids, states, bodies, strict=False)}
        rows: list[ChunkRow | Unreadable] = []
        index = 0
        for item in chunk.items:
            if item.kind == "h":
                rows += _held_rows(index, item, *held[item.id])
            else:
                rows += _frame_rows(index, item, stored[item.id])
            index += item.high - item.low
        return [row for row in rows if row.index >= chunk.cursor and not _bit(aside, row.index)]

    def sent_lines(self, chunk: Chunk) -> SentLines:
        """Return the lines that the import of this chunk consists of."""
        data = self._client.get(self._keys(chunk.project_id).chunk_sent(chunk.id))
        return SentLines.from_bytes(data)

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._prefix, project_id)


def _bit(bitmap: bytes | None, index: int) -> bool:
    if not bitmap or index >> 3 >= len(bitmap):
        return False
    return bool(bitmap[index >> 3] & (0x80 >> (index & 7)))


def _frame_rows(index: int, item: Item, frame: bytes | None) -> list[ChunkRow | Unreadable]:
    """Return rows `low` to `high` of a frame, the first of which is row `index` of the chunk."""
    lane = 0
    try:
        if frame is None:
            raise UnreadableFrame("the frame is not in Redis any more")
        lane = read_header(frame).lane
        messages = read_messages(frame)
    except (UnreadableFrame, UnknownVersion) as error:  # a newer version is seen before: this frame is broken
        weight, seq = item.high - item.low, item.seq + item.low
        return [Unreadable(index, weight, seq, lane, frame or b"", f"f{seq}", str(error))]
    return [ChunkRow(index + at - item.low, item.seq + at, lane, messages[at]) for at in range(item.low, item.high)]


def _held_rows(index: int, item: Item, state: bytes | None, body: bytes | None) -> list[ChunkRow | Unreadable]:
    """Return a held row on its way back, or the rows of a frame that could not be read before."""
    if state is None or body is None:
        return []  # it got its outcome in an earlier attempt of this chunk
    known = read_state(state)
    _, payload = split_body(body)
    if item.id.startswith("f"):
        rows = _frame_rows(index, item, payload)
        return [replace(row, held_id=item.id) if isinstance(row, Unreadable) else row for row in rows]
    return [ChunkRow(index, item.seq, known.lane, payload, item.id, known.superseded, known.reason)]
