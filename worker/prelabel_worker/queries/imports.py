"""What became of chunks and of rows: those in progress, and those the history still knows. Read-only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.chunks.history import HEAD_BYTES, Record, RecordHead, SettledRow, read_head
from prelabel_worker.labelbox.types import SubmitAs

_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """A chunk and, once one was sent, its import. Times are Unix seconds, None where there is none yet.

    `state` is the chunk's, or `settled`; `outcomes` are rows by `imported`, `superseded`, `skipped` or the reason
    they were held; `refused` are annotations. `undoing`: its undoing was begun, and is not known to be done.
    """

    project_id: str
    chunk_id: str
    name: str
    import_id: str
    state: str
    verdict: str
    rows: int
    outcomes: Mapping[str, int]
    annotations: int
    refused: int
    attempts: int
    cut_at: float | None
    submitted_at: float | None
    settled_at: float | None
    why: str = ""
    lanes: tuple[int, ...] = ()
    account: str = ""
    submit_as: str = SubmitAs.PRE_LABELS.value
    undone_at: float | None = None
    undoing: bool = False
    #: The last defect that stopped the chunk, as long as it does.
    defect: str = ""
    #: Since when the chunk is stuck; None while it is not.
    stuck_at: float | None = None

    @property
    def imported(self) -> int:
        """Rows that were imported, undone or not."""
        return self.outcomes.get("imported", 0)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "projectId": self.project_id,
            "chunk": self.chunk_id,
            "name": self.name,
            "importId": self.import_id,
            "state": self.state,
            "verdict": self.verdict,
            "rows": self.rows,
            "outcomes": dict(self.outcomes),
            "annotations": self.annotations,
            "refusedAnnotations": self.refused,
            "attempts": self.attempts,
            "cutAt": self.cut_at,
            "submittedAt": self.submitted_at,
            "settledAt": self.settled_at,
            "why": self.why,
            "account": self.account,
            "as": self.submit_as,
            "undoneAt": self.undone_at,
            "undoing": self.undoing,
            "defect": self.defect,
            "stuckAt": self.stuck_at,
        }


class Imports:
    """The chunks and imports of the projects behind one Redis."""

    def __init__(self, client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> None:
        self._client = client
        self._prefix = key_prefix

    def open(self, project_id: str) -> list[ImportStatus]:
        """The chunks in progress, newest first."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        ids = [name.decode() for name in self._client.zrevrange(project_keys.chunks, 0, -1)]
        with self._client.pipeline(transaction=False) as pipeline:
            for chunk_id in ids:
                pipeline.hgetall(project_keys.chunk(chunk_id))
            answers = pipeline.execute()
        return [_open(project_id, name, fields) for name, fields in zip(ids, answers, strict=True) if fields]

    def settled(self, project_id: str, most: int | None = None) -> Iterator[ImportStatus]:
        """The chunks that were settled, newest first, as far as the history goes back."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for together in _batches(islice(self._history(project_keys), most), _TOGETHER):
            ids = [chunk_id for chunk_id, _ in together]
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.hmget(project_keys.undone, ids)
                pipeline.hmget(project_keys.undoing, ids)
                for chunk_id in ids:
                    pipeline.getrange(project_keys.history_record(chunk_id), 0, HEAD_BYTES - 1)
                undone, begun, *heads = pipeline.execute()
            for (_, at_ms), head, mark, undoing in zip(together, heads, undone, begun, strict=True):
                if head:
                    yield _settled(project_id, Record.from_bytes(head).head, at_ms, mark, undoing=bool(undoing))

    def undoing(self, project_id: str) -> list[ImportStatus]:
        """Those whose undoing was begun and is not known to be done; the history may have forgotten them."""
        heads = self._client.hvals(keys.ProjectKeys(self._prefix, project_id).undoing)
        return [_settled(project_id, read_head(head), 0, None, undoing=True) for head in heads]

    def names(self, project_id: str) -> set[str]:
        """The names of all imports that are known: in progress, and as far as the history goes back."""
        known = chain(self.open(project_id), self.settled(project_id), self.undoing(project_id))
        return {each.name for each in known if each.name}

    def find(self, project_id: str, name: str) -> ImportStatus | None:
        """The chunk with this id, import name or import id."""
        for each in chain(self.open(project_id), self.settled(project_id), self.undoing(project_id)):
            if name in (each.chunk_id, each.name, each.import_id):
                return each
        return None

    def settled_rows(
        self, project_id: str, *, data_rows: Sequence[bytes], message: bytes
    ) -> Iterator[tuple[ImportStatus, SettledRow]]:
        """The rows with one of these digests of their data row key, or this of their message id; newest first.

        Reads all history, once.
        """
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for chunk_id, at_ms in self._history(project_keys):
            data = self._client.get(project_keys.history_record(chunk_id))
            if not data:
                continue
            record = Record.from_bytes(data)
            found = [row for digest in data_rows for row in record.find(data_row=digest)]
            rows = dict.fromkeys(found + record.find(message=message))
            mark = self._client.hget(project_keys.undone, chunk_id) if rows else None
            for row in rows:
                yield _settled(project_id, record.head, at_ms, mark), row

    def marks(self, project_id: str, chunk_id: str) -> list[int]:
        """What a policy remembers of the rows that this chunk imported, as far as the history knows."""
        data = self._client.get(keys.ProjectKeys(self._prefix, project_id).history_record(chunk_id))
        return Record.from_bytes(data).marks() if data else []

    def settled_since(
        self, project_id: str, since_ms: float, known: Collection[str] = ()
    ) -> Iterator[tuple[str, float, Record]]:
        """The chunks settled then or later, oldest first: id, when (ms) and record; without those that are `known`."""
        project_keys = keys.ProjectKeys(self._prefix, project_id)
        for member, at_ms in self._client.zrangebyscore(project_keys.history, since_ms, "+inf", withscores=True):
            chunk_id = member.decode().split(" ")[0]
            data = None if chunk_id in known else self._client.get(project_keys.history_record(chunk_id))
            if data:
                yield chunk_id, at_ms, Record.from_bytes(data)

    def _history(self, project_keys: keys.ProjectKeys) -> Iterator[tuple[str, float]]:
        for member, at_ms in self._client.zrevrange(project_keys.history, 0, -1, withscores=True):
            yield member.decode().split(" ")[0], at_ms


def _batches(found: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while part := list(islice(found, size)):
        yield part


def _settled(
    project_id: str, head: RecordHead, at_ms: float, undone: bytes | None, *, undoing: bool = False
) -> ImportStatus:
    """`undone` is the mark of one that was: the time and its rows."""
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
        cut_at=_seconds(head.cut_ms),
        submitted_at=_seconds(head.submitted_ms),
        settled_at=_seconds(at_ms),
        account=head.account,
        submit_as=head.submit_as,
        undone_at=int(undone.split(b" ")[0]) / 1000 if undone else None,
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
        cut_at=_seconds(float(text["cutMs"])),
        submitted_at=_seconds(float(text.get("runningMs", 0))),
        settled_at=None,
        why=text.get("why", "") if text["state"] in ("waiting", "uncertain") else "",
        lanes=tuple(int(lane) for lane in text["lanes"].split()),
        account=text.get("account", ""),
        submit_as=text.get("submitAs") or SubmitAs.PRE_LABELS.value,
        defect=text.get("defect", ""),
        stuck_at=_seconds(float(text.get("stuckMs", 0))),
    )


def _seconds(ms: float) -> float | None:
    return ms / 1000 if ms else None
