"""Both sides of the conservation sum: what the counters say, and what is found by walking the keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel import keys
from prelabel.client import Client
from prelabel.errors import PrelabelError
from prelabel_worker.inspector import OUTCOMES, Inspector

_TRIES = 50


@dataclass(frozen=True, slots=True)
class ProjectAudit:
    """One project. `counted` are the counters; `found` what was walked: frames, lanes, chunks and held rows."""

    project_id: str
    counted: dict[str, int]
    found: dict[str, int]
    differences: list[str]

    @property
    def balances(self) -> bool:
        """Whether every published row is where the sums say it is."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """For `audit --json`."""
        return {
            "projectId": self.project_id,
            "balances": self.balances,
            "counted": self.counted,
            "found": self.found,
            "differences": self.differences,
        }


def audit(client: Client, key_prefix: str = keys.DEFAULT_PREFIX) -> list[ProjectAudit]:
    """Recompute the sum of every known project. Correct while workers run: what moves is read in one transaction."""
    return [_audit(client, key_prefix, project_id) for project_id in Inspector(client, key_prefix).projects()]


def _audit(client: Client, key_prefix: str, project_id: str) -> ProjectAudit:
    root = keys.project_root(key_prefix, project_id)
    for _ in range(_TRIES):
        chunk_ids = [name.decode() for name in client.zrange(f"{root}:chunks", 0, -1)]
        snapshot = _snapshot(client, root, chunk_ids)
        if snapshot is not None:
            return _compare(project_id, snapshot)
    raise PrelabelError(f"project {project_id} changes faster than it can be read; try again")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Everything the sum is made of, read in one transaction."""

    counts: dict[str, int]
    inbox_rows: int
    entries: list[tuple[str, str, int]]
    chunks: list[tuple[int, list[tuple[str, str, int]]]]
    left: dict[str, int]
    frames: set[str]
    held: dict[str, dict[str, Any]]
    indexed: dict[str, int]


def _snapshot(client: Client, root: str, chunk_ids: list[str]) -> _Snapshot | None:
    """None when the chunks have changed since their ids were read."""
    lanes = int(client.hget(f"{root}:meta", "lanes") or 0)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.zrange(f"{root}:chunks", 0, -1)
        pipeline.hgetall(f"{root}:counts")
        pipeline.hget(f"{root}:inbox", "rows")
        pipeline.hgetall(f"{root}:left")
        pipeline.hkeys(f"{root}:frames")
        pipeline.hgetall(f"{root}:held")
        _read_indexes(pipeline, root)
        for lane in range(lanes):
            pipeline.lrange(f"{root}:lane:{lane}", 0, -1)
        for chunk_id in chunk_ids:
            pipeline.hmget(f"{root}:chunk:{chunk_id}", "rows", "aside", "settled", "items")
        ids, counts, inbox, left, frames, held, *rest = pipeline.execute()
        indexes, rest = rest[:_INDEXES], rest[_INDEXES:]
    if [name.decode() for name in ids] != chunk_ids:
        return None
    lane_entries = [line.decode().split(" ") for entries in rest[:lanes] for line in entries]
    return _Snapshot(
        counts={name.decode(): int(value) for name, value in counts.items()},
        inbox_rows=int(inbox or 0),
        entries=[(entry[0], entry[1], int(entry[3])) for entry in lane_entries],
        chunks=[_chunk(*fields) for fields in rest[lanes:]],
        left={name.decode(): int(value) for name, value in left.items()},
        frames={name.decode() for name in frames},
        held={name.decode(): orjson.loads(state) for name, state in held.items()},
        indexed=_indexed(*indexes),
    )


_INDEXES = 6


def _read_indexes(pipeline: Client, root: str) -> None:
    """Of the held rows: sizes and counts only, so that many letters cost little more."""
    pipeline.zcard(f"{root}:dead")
    pipeline.zcard(f"{root}:heal")
    pipeline.hlen(f"{root}:held:body")
    pipeline.hvals(f"{root}:held:rows")
    pipeline.hvals(f"{root}:dead:reasons")
    pipeline.hvals(f"{root}:dead:groups")


def _indexed(
    letters: int, healing: int, bodies: int, rows: list[bytes], reasons: list[bytes], groups: list[bytes]
) -> dict[str, int]:
    """What each index of held rows says, by what it counts."""
    return {
        "dead letters listed": letters,
        "healing rows listed": healing,
        "bodies of held rows": bodies,
        "held rows by data row": sum(len(names.split()) for names in rows),
        "dead by reason": sum(map(int, reasons)),
        "dead by group": sum(map(int, groups)),
    }


def _chunk(rows: bytes, aside: bytes, settled: bytes, items: bytes) -> tuple[int, list[tuple[str, str, int]]]:
    """A chunk's rows without an outcome, and the rows of frames it refers to."""
    parts = [line.split(" ") for line in items.decode().splitlines()]
    return (
        int(rows) - int(aside) - int(settled),
        [(kind, name, int(high) - int(low)) for kind, name, low, high, _ in parts],
    )


def _compare(project_id: str, seen: _Snapshot) -> ProjectAudit:
    outcomes = {name: seen.counts.get(name, 0) for name in OUTCOMES}
    published = seen.counts.get("published", 0)
    counted = {"published": published, **outcomes, "pending": published - sum(outcomes.values())}
    waiting = sum(rows for _, _, rows in seen.entries)
    in_chunks = sum(pending for pending, _ in seen.chunks)
    at_rest = [state for state in seen.held.values() if not state.get("queued")]
    healing = sum(state["weight"] for state in at_rest if state.get("due"))
    letters = [state for state in at_rest if not state.get("due")]
    dead = sum(state["weight"] for state in letters)
    referred: dict[str, int] = {}
    returning: set[str] = set()
    for kind, name, rows in [*seen.entries, *(item for _, items in seen.chunks for item in items)]:
        if kind == "f":
            referred[name] = referred.get(name, 0) + rows
        else:
            returning.add(name)
    found = {
        "waiting": waiting,
        "inChunks": in_chunks,
        "healing": healing,
        "dead": dead,
        "frames": len(seen.frames),
    }
    checks = [
        ("pending", counted["pending"], waiting + in_chunks + healing),
        ("dead", counted["dead"], dead),
        ("inbox rows", seen.inbox_rows, waiting),
        ("unsettled rows of frames", sum(seen.left.values()), sum(referred.values())),
        ("frames", len(seen.frames), len(seen.frames & referred.keys())),
        ("frames referred to", len(referred), len(seen.frames & referred.keys())),
    ]
    queued = {name for name, state in seen.held.items() if state.get("queued")}
    checks.append(("held rows on their way", len(queued), len(queued & returning)))
    expected = (len(letters), len(at_rest) - len(letters), len(seen.held), _with_row(seen.held.values()), dead, dead)
    checks += [(name, count, found) for (name, count), found in zip(seen.indexed.items(), expected, strict=True)]
    differences = [f"{name}: counted {left}, found {right}" for name, left, right in checks if left != right]
    return ProjectAudit(project_id, counted, found, differences)


def _with_row(states: Iterable[dict[str, Any]]) -> int:
    return sum("row" in state for state in states)
