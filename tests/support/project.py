"""A project in a real Redis, driven through the ledger without any worker process."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import redis

from prelabel.publishing.buffer import Limits, ProjectBuffer, Row
from prelabel.publishing.inbox import Inbox
from prelabel.wire import keys
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.chunks.row_reader import RowReader
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Slice
from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.audit import ProjectAudit, audit
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.settings import Settings
from tests.support.sent import SentRow, sent_lines


def message(key: str, *, model: str = "m", message_id: str = "") -> Row:
    body = {
        "messageId": message_id or f"id-{key}",
        "projectId": "p",
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": [],
    }
    return Row(f"k:{key}", orjson.dumps(body), 0)


@dataclass
class Project:
    """A project, by default `p`. Publishes rows as a publisher does, and takes chunks as a worker does."""

    client: "redis.Redis"
    settings: Settings
    id: str = "p"
    inbox: Inbox = field(init=False)
    ledger: Ledger = field(init=False)
    reader: RowReader = field(init=False)
    memory: ProjectMemory = field(init=False)
    held: HeldRows = field(init=False)
    pauses: Pauses = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.client, self.settings.key_prefix)
        self.ledger = Ledger(self.client, self.settings)
        self.reader = RowReader(self.client, self.settings.key_prefix)
        self.memory = ProjectMemory(self.client, self.settings)
        self.held = HeldRows(self.client, self.settings.key_prefix)
        self.pauses = Pauses(self.client, self.settings.key_prefix)

    @property
    def root(self) -> str:
        return keys.project_root(self.settings.key_prefix, self.id)

    @property
    def keys(self) -> keys.ProjectKeys:
        return keys.ProjectKeys(self.settings.key_prefix, self.id)

    def frames(self, *rows: Row, lanes: int = 16) -> list[bytes]:
        buffer = ProjectBuffer(Limits(10_000, 10**8, 256, 10**7, 100, 0.0), lanes)
        for row in rows:
            buffer.add(row, 0.0)
        return buffer.cut(0.0)

    def publish(self, *rows: Row) -> None:
        self.inbox.put(self.id, self.frames(*rows))

    def cut(self) -> str:
        chunk_id = self.ledger.cut_chunk(self.id)
        assert chunk_id is not None
        return chunk_id

    def take(self, chunk_id: str, purpose: str = "submit") -> Chunk:
        chunk = self.ledger.take(self.id, chunk_id, purpose)  # type: ignore[arg-type]
        assert chunk is not None
        return chunk

    def rows(self, chunk: Chunk) -> list[ChunkRow]:
        return [row for row in self.reader.rows(chunk) if isinstance(row, ChunkRow)]

    def sent(self, chunk: Chunk) -> SentLines:
        return sent_lines(
            SentRow(row.index, [row.index.to_bytes(16, "big")], facts_of(row.raw).row_key) for row in self.rows(chunk)
        )

    def send(self, chunk: Chunk) -> None:
        self.ledger.record_import(chunk, "default", f"name-{chunk.id}", self.sent(chunk))

    def import_all(self, chunk_id: str) -> None:
        """Take a chunk, and settle it with every row imported."""
        chunk = self.take(chunk_id)
        self.settle(chunk, imported=len(self.rows(chunk)))

    def settle(
        self,
        chunk: Chunk,
        *,
        imported: int,
        outcomes: Sequence[RowOutcome] = (),
        superseding: Sequence[tuple[str, int]] = (),
    ) -> int | None:
        part = Slice(chunk.rows, imported, list(outcomes), list(superseding))
        return self.ledger.commit_rows(chunk, chunk.cursor, part, finish=True).waiting

    def holding(
        self, row: ChunkRow, *, reason: str = "refused", retry_in_ms: int | None = None, retrying: bool = False
    ) -> RowOutcome:
        from prelabel.errors import Reason

        problem = Problem(Reason(reason), {"path": "annotations[3].bbox", "expected": "a number"})
        return held_row(
            row,
            problem,
            Origin("settle", "c", "n"),
            facts_of(row.raw),
            retry_in_ms,
            retrying=retrying,
        )

    def kill(self, *row_keys: str) -> list[str]:
        """Publish rows with these global keys, make them dead letters, and return their ids."""
        self.publish(*(message(key) for key in row_keys))
        chunk = self.take(self.cut())
        rows = self.rows(chunk)
        self.settle(chunk, imported=0, outcomes=[self.holding(row) for row in rows])
        return [str(row.seq) for row in rows]

    def audit(self) -> ProjectAudit:
        (project_audit,) = audit(self.client, self.settings.key_prefix)
        assert project_audit.balances, project_audit.differences
        return project_audit

    def status(self) -> ProjectStatus:
        self.audit()
        return Inspector(self.client, self.settings.key_prefix).status(self.id)
