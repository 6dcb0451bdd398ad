"""Reconcile the counts: compare the counters with a walk over the keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from prelabel.errors import PrelabelError
from prelabel.json_record import JsonRecord
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.lanes import MAX_LANES
from prelabel_worker.chunks.held_state import read_state
from prelabel_worker.chunks.history import HEAD_BYTES, Record
from prelabel_worker.errors import ProjectUnreadable
from prelabel_worker.quarantine.quarantine import readable
from prelabel_worker.queries.audit_held import READS, HeldStates, Indexes, read_indexes
from prelabel_worker.queries.status import OUTCOMES, Inspector

_TRIES = 50


@dataclass(frozen=True, slots=True)
class ProjectAudit(JsonRecord):
    """The counts of one project, reconciled."""

    json_fields = ("project_id", "balances", "counted", "found", "differences")

    project_id: str
    #: Rows by outcome, as the counters say.
    counted: dict[str, int]
    #: Rows and frames in lanes, chunks and held rows, and rows of undone imports, which are among the discarded.
    found: dict[str, int]
    #: What does not balance, as text.
    differences: list[str]

    @property
    def balances(self) -> bool:
        """Return whether the counters agree with the walk."""
        return not self.differences


def audit(client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> list[ProjectAudit]:
    """Reconcile the counts of every known project. Correct while workers run: it reads each in one transaction."""
    return [audit_project(client, key_prefix, project_id) for project_id in Inspector(client, key_prefix).projects()]


def audit_project(client: Client, key_prefix: str, project_id: str) -> ProjectAudit:
    """Audit one project; one that cannot be read does not balance, but does not end the audit either."""
    try:
        with readable(project_id):
            audited = _audit(client, key_prefix, project_id)
    except ProjectUnreadable as error:
        return ProjectAudit(project_id, dict.fromkeys(("published", *OUTCOMES, "pending"), 0), {}, [error.problem])
    return audited


def _audit(client: Client, key_prefix: str, project_id: str) -> ProjectAudit:
    project_keys = keys.ProjectKeys(key_prefix, project_id)
    for _ in range(_TRIES):
        chunk_ids = [name.decode() for name in client.zrange(project_keys.chunks, 0, -1)]
        snapshot = _snapshot(client, project_keys, chunk_ids)
        if snapshot is not None:
            return _compare(project_id, snapshot)
    raise PrelabelError(f"project {project_id} changes faster than it can be read; try again")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Everything that is counted, read in one transaction."""

    #: The counters of the project.
    counts: dict[str, int]
    #: Rows in lanes, as the inbox counts them.
    inbox_rows: int
    #: Entries of lanes: `f` and a frame's id, or `h` and a held row's id; and the number of rows.
    entries: list[tuple[str, str, int]]
    #: For each chunk: the number of its rows without an outcome, and its entries, as above.
    chunks: list[tuple[int, list[tuple[str, str, int]]]]
    #: The number of rows without an outcome, by the id of their frame.
    unsettled: dict[str, int]
    #: The ids of the frames that are stored.
    frames: set[str]
    #: The states of the held rows.
    held: HeldStates
    #: The indexes of the held rows.
    indexes: Indexes
    #: For each undone import: the number of rows moved, and of rows imported according to the history.
    undone: list[tuple[int, int]]


def _snapshot(client: Client, project_keys: keys.ProjectKeys, chunk_ids: list[str]) -> _Snapshot | None:
    """Read everything in one transaction; return None when the chunks have changed since their ids were read."""
    lanes = int(client.hget(project_keys.meta, "lanes") or 0)
    if not 0 <= lanes <= MAX_LANES:
        raise ValueError("meta.lanes")
    undone = {name.decode(): int(mark.split(b" ")[1]) for name, mark in client.hgetall(project_keys.undone).items()}
    with client.pipeline(transaction=True) as pipeline:
        pipeline.zrange(project_keys.chunks, 0, -1)
        pipeline.hgetall(project_keys.counts)
        pipeline.hget(project_keys.inbox, "rows")
        pipeline.hgetall(project_keys.left)
        pipeline.hkeys(project_keys.frames)
        pipeline.hgetall(project_keys.held)
        read_indexes(pipeline, project_keys)
        for lane in range(lanes):
            pipeline.lrange(project_keys.lane(lane), 0, -1)
        for chunk_id in chunk_ids:
            pipeline.hmget(project_keys.chunk(chunk_id), "rows", "aside", "settled", "items")
        for chunk_id in undone:  # history records never change
            pipeline.getrange(project_keys.history_record(chunk_id), 0, HEAD_BYTES - 1)
        ids, counts, inbox, unsettled, frames, held, *rest = pipeline.execute()
        indexes, rest = rest[:READS], rest[READS:]
    if [name.decode() for name in ids] != chunk_ids:
        return None
    lane_entries = [line.decode().split(" ") for entries in rest[:lanes] for line in entries]
    return _Snapshot(
        counts={name.decode(): int(value) for name, value in counts.items()},
        inbox_rows=int(inbox or 0),
        entries=[(entry[0], entry[1], int(entry[3])) for entry in lane_entries],
        chunks=[_chunk(*fields) for fields in rest[lanes : lanes + len(chunk_ids)]],
        unsettled={name.decode(): int(value) for name, value in unsettled.items()},
        frames={name.decode() for name in frames},
        held=HeldStates({name.decode(): read_state(state) for name, state in held.items()}),
        indexes=Indexes(*indexes),
        undone=[
            (rows, Record.from_bytes(head).head.outcomes.get("imported", 0))
            for rows, head in zip(undone.values(), rest[lanes + len(chunk_ids) :], strict=True)
            if head  # otherwise the history has forgotten it
        ],
    )


def _chunk(rows: bytes, aside: bytes, settled: bytes, items: bytes) -> tuple[int, list[tuple[str, str, int]]]:
    """Return a chunk's rows without an outcome, and the entries of frames and held rows that it refers to."""
    parts = [line.split(" ") for line in items.decode().splitlines()]
    return (
        int(rows) - int(aside) - int(settled),
        [(kind, name, int(high) - int(low)) for kind, name, low, high, _ in parts],
    )


def _compare(project_id: str, snapshot: _Snapshot) -> ProjectAudit:
    outcomes = {name: snapshot.counts.get(name, 0) for name in OUTCOMES}
    published = snapshot.counts.get("published", 0)
    counted = {"published": published, **outcomes, "pending": published - sum(outcomes.values())}
    waiting = sum(rows for _, _, rows in snapshot.entries)
    in_chunks = sum(pending for pending, _ in snapshot.chunks)
    items = [item for _, items in snapshot.chunks for item in items]
    referred: dict[str, int] = {}
    for kind, name, rows in [*snapshot.entries, *items]:
        if kind == "f":
            referred[name] = referred.get(name, 0) + rows
    found = {
        "waiting": waiting,
        "inChunks": in_chunks,
        "retrying": snapshot.held.retrying,
        "dead": snapshot.held.dead,
        "frames": len(snapshot.frames),
        "undone": sum(rows for rows, _ in snapshot.undone),
    }
    checks = [
        ("pending", counted["pending"], waiting + in_chunks + snapshot.held.retrying),
        ("dead", counted["dead"], snapshot.held.dead),
        ("inbox rows", snapshot.inbox_rows, waiting),
        ("unsettled rows of frames", sum(snapshot.unsettled.values()), sum(referred.values())),
        ("frames", len(snapshot.frames), len(snapshot.frames & referred.keys())),
        ("frames referred to", len(referred), len(snapshot.frames & referred.keys())),
        ("rows of undone imports", sum(rows for rows, _ in snapshot.undone), sum(rows for _, rows in snapshot.undone)),
        ("rows of undone imports among the discarded", found["undone"], min(found["undone"], outcomes["discarded"])),
        *snapshot.held.checks(snapshot.indexes, _returning(snapshot.entries), _returning(items)),
    ]
    differences = [f"{name}: counted {count}, found {walked}" for name, count, walked in checks if count != walked]
    return ProjectAudit(project_id, counted, found, differences)


def _returning(entries: Iterable[tuple[str, str, int]]) -> set[str]:
    """Return the ids of the held rows among these entries."""
    return {name for kind, name, _ in entries if kind == "h"}
