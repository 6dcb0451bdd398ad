"""Chunks and their imports: those in progress, and those that the history has. Read-only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, ClassVar

from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.chunks.annotation_counts import Counted
from prelabel_worker.chunks.history import HEAD_BYTES, Emptied, Record, RecordHead, SettledRow, read_head
from prelabel_worker.labelbox.types import SubmitAs

_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class ImportStatus(JsonRecord):
    """A chunk and, once it was sent, its import. Times that are not known yet are None."""

    json_fields = (
        "project_id", "chunk_id", "name", "import_id", "state", "verdict", "rows", "outcomes", "annotations", "refused",
        "attempts", "cut_at", "submitted_at", "settled_at", "why", "account", "submit_as", "undone_at", "undoing",
        "defect", "stuck_at",
    )  # fmt: skip
    json_names: ClassVar = {"chunk_id": "chunk", "refused": "refusedAnnotations", "submit_as": "as"}

    #: The project's id.
    project_id: str
    #: The chunk's id.
    chunk_id: str
    #: The import's name; empty before it was sent.
    name: str
    #: The import's id at Labelbox; empty until Labelbox has answered.
    import_id: str
    #: The chunk's state, or `settled`.
    state: str
    #: How the import as a whole ended at Labelbox, such as `FINISHED`; empty while it runs.
    verdict: str
    #: How many rows the chunk has.
    rows: int
    #: Number of rows by `imported`, `superseded`, `skipped`, or the reason for which they are held.
    outcomes: Mapping[str, int]
    #: How many annotations were imported.
    annotations: int
    #: How many annotations Labelbox refused.
    refused: int
    #: How many times it was sent.
    attempts: int
    #: When the chunk was cut from its lanes.
    cut_at: UnixTime | None
    #: When Labelbox accepted the import.
    submitted_at: UnixTime | None
    #: When its rows got their outcomes.
    settled_at: UnixTime | None
    #: Why the chunk waits; empty when it does not.
    why: str = ""
    #: The lanes that its rows come from.
    lanes: tuple[int, ...] = ()
    #: The account whose key it was sent with.
    account: str = ""
    #: What its rows are imported as.
    submit_as: str = SubmitAs.PRE_LABELS.value
    #: When the import was undone.
    undone_at: UnixTime | None = None
    #: Whether an undo was begun that is not known to have finished.
    undoing: bool = False
    #: The defect that stops the chunk; empty if none does.
    defect: str = ""
    #: Since when the chunk is stuck; None while it is not.
    stuck_at: UnixTime | None = None

    @property
    def imported(self) -> int:
        """The number of rows that were imported, undone or not."""
        return self.outcomes.get("imported", 0)


class Imports:
    """The chunks and imports of the projects in one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def open(self, project_id: str) -> list[ImportStatus]:
        """Return the chunks in progress, newest first."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        ids = [name.decode() for name in self._client.zrevrange(project_keys.chunks, 0, -1)]
        with self._client.pipeline(transaction=False) as pipeline:
            for chunk_id in ids:
                pipeline.hgetall(project_keys.chunk(chunk_id))
            answers = pipeline.execute()
        return [_open(project_id, name, fields) for name, fields in zip(ids, answers, strict=True) if fields]

    def settled(self, project_id: str, limit: int | None = None) -> Iterator[ImportStatus]:
        """Yield the chunks that were settled, newest first, as far as the history goes back."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for batch in _batches(islice(self._history(project_keys), limit), _TOGETHER):
            ids = [chunk_id for chunk_id, _ in batch]
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.hmget(project_keys.undone, ids)
                pipeline.hmget(project_keys.undoing, ids)
                for chunk_id in ids:
                    pipeline.getrange(project_keys.history_record(chunk_id), 0, HEAD_BYTES - 1)
                undone, begun, *heads = pipeline.execute()
            for (_, at_ms), head, mark, undoing in zip(batch, heads, undone, begun, strict=True):
                if head:
                    yield _settled(project_id, Record.from_bytes(head).head, at_ms, mark, undoing=bool(undoing))

    def count_settled(self, project_id: str) -> int:
        """Return how many settled chunks the history has."""
        return int(self._client.zcard(keys.ProjectKeys(self._prefix, project_id).history))

    def undoing(self, project_id: str) -> list[ImportStatus]:
        """Return the imports whose undo was begun and is not known to have finished; the history may lack them."""
        heads = self._client.hvals(keys.ProjectKeys(self._prefix, project_id).undoing)
        return [_settled(project_id, read_head(head), 0, None, undoing=True) for head in heads]

    def names(self, project_id: str) -> set[str]:
        """Return the names of all imports that are in progress, in the history, or being undone."""
        known = chain(self.open(project_id), self.settled(project_id), self.undoing(project_id))
        return {status.name for status in known if status.name}

    def find(self, project_id: str, name: str) -> ImportStatus | None:
        """Return the chunk with this id, import name or import id; None if there is none."""
        for status in chain(self.open(project_id), self.settled(project_id), self.undoing(project_id)):
            if name in (status.chunk_id, status.name, status.import_id):
                return status
        return None

    def settled_rows(
        self, project_id: str, *, data_rows: Sequence[bytes], message: bytes
    ) -> Iterator[tuple[ImportStatus, list[SettledRow], dict[bytes, list[Counted | Emptied]]]]:
        """Yield the chunks that have rows with one of these digests of a data row, or this digest of a message id.

        With each come these rows, and by digest of the data row what is known of their annotations: the counts of those
        that were imported, and which have none.
        Reads the whole history once, newest first.
        """
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for chunk_id, at_ms in self._history(project_keys):
            data = self._client.get(project_keys.history_record(chunk_id))
            if not data:
                continue
            record = Record.from_bytes(data)
            of_data_row = [row for digest in data_rows for row in record.find(data_row=digest)]
            rows = list(dict.fromkeys(of_data_row + record.find(message=message)))
            if rows:
                counted: dict[bytes, list[Counted | Emptied]] = {}
                for digest in data_rows if of_data_row else ():
                    counted[digest] = [*record.counted(digest), *record.emptied(digest)]
                mark = self._client.hget(project_keys.undone, chunk_id)
                yield _settled(project_id, record.head, at_ms, mark), rows, counted

    def marks(self, project_id: str, chunk_id: str) -> list[int]:
        """Return the marks that policies keep of the rows this chunk imported; empty if the history lacks the chunk."""
        data = self._client.get(keys.ProjectKeys(self._prefix, project_id).history_record(chunk_id))
        return Record.from_bytes(data).marks() if data else []

    def settled_since(
        self, project_id: str, since_ms: float, known: Collection[str] = ()
    ) -> Iterator[tuple[str, float, Record]]:
        """Yield id, time in ms and record of chunks settled at `since_ms` or later, without `known`; oldest first."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for member, at_ms in self._client.zrangebyscore(project_keys.history, since_ms, "+inf", withscores=True):
            chunk_id = member.decode().split(" ")[0]
            data = None if chunk_id in known else self._client.get(project_keys.history_record(chunk_id))
            if data:
                yield chunk_id, at_ms, Record.from_bytes(data)

    def _history(self, project_keys: keys.ProjectKeys) -> Iterator[tuple[str, float]]:
        for member, at_ms in self._client.zrevrange(project_keys.history, 0, -1, withscores=True):
            yield member.decode().split(" ")[0], at_ms


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while part := list(islice(items, size)):
        yield part


def _settled(
    project_id: str, head: RecordHead, at_ms: float, undone: bytes | None, *, undoing: bool = False
) -> ImportStatus:
    """Return a settled chunk; `undone` is the time of its undo and the number of its rows, or None."""
    return ImportStatus(
        project_id=project_id,
        chunk_id=head.chunk,
        name=head.name,
        import_id=head.import_id,
        state="settled",
        verdict=head.verdict,
        rows=head.rows,
        outcomes=head.outcomes,
        annotations=head.annotations,
        refused=head.refused,
        attempts=head.attempts,
        cut_at=UnixTime.known(head.cut_ms),
        submitted_at=UnixTime.known(head.submitted_ms),
        settled_at=UnixTime.known(at_ms),
        account=head.account,
        submit_as=head.submit_as,
        undone_at=UnixTime.of_ms(int(undone.split(b" ")[0])) if undone else None,
        undoing=undoing,
    )


def _open(project_id: str, chunk_id: str, fields: Mapping[bytes, bytes]) -> ImportStatus:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    aside, imported = int(text.get("aside", 0)), int(text.get("settled", 0))
    counts = {"imported": imported, "set aside": aside}
    return ImportStatus(
        project_id=project_id,
        chunk_id=chunk_id,
        name=text.get("name", ""),
        import_id=text.get("importId", ""),
        state=text["state"],
        verdict=text.get("verdict", ""),
        rows=int(text["rows"]),
        outcomes={name: count for name, count in counts.items() if count},
        annotations=0,
        refused=0,
        attempts=int(text.get("attempt", 0)),
        cut_at=UnixTime.known(float(text["cutMs"])),
        submitted_at=UnixTime.known(float(text.get("runningMs", 0))),
        settled_at=None,
        why=text.get("why", "") if text["state"] in ("waiting", "uncertain") else "",
        lanes=tuple(int(lane) for lane in text["lanes"].split()),
        account=text.get("account", ""),
        submit_as=text.get("submitAs") or SubmitAs.PRE_LABELS.value,
        defect=text.get("defect", ""),
        stuck_at=UnixTime.known(float(text.get("stuckMs", 0))),
    )
