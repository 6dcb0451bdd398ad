"""Helpers for tests of dead letters: make and edit them, and check every index of held rows."""

from collections import Counter
from typing import Any

import orjson

from prelabel.errors import Misnamed, NotInOntology, Reason
from prelabel.publishing.buffer import Row
from prelabel.validation.gate import prepare
from prelabel_worker.chunks import history
from prelabel_worker.chunks.held_rows import Origin, Problem, facts_of, held_row
from prelabel_worker.chunks.rows import Slice
from prelabel_worker.dead_letters.editing import EditedMessage, edited_message
from tests.support.project import Project


def real_message(key: str, *, name: str = "Car", model: str = "m", message_id: str = "", **fields: Any) -> Row:
    """Return a row of a message with one box, which the gate accepts."""
    body = {
        "messageId": message_id or f"id-{key}",
        "projectId": "p",
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": [{"name": name, "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}],
        **fields,
    }
    return Row(f"k:{key}", orjson.dumps(body), 0)


def kill(project: Project, *rows: Row, reason: str = "refused") -> list[str]:
    """Make these rows dead letters, and return their ids."""
    project.publish(*rows)
    chunk = project.take(project.cut())
    chunk_rows = project.rows(chunk)
    project.settle(chunk, imported=0, outcomes=[project.holding(row, reason=reason) for row in chunk_rows])
    return [row.held_id or str(row.seq) for row in chunk_rows]


def kill_for(project: Project, problem: Problem, *rows: Row) -> list[str]:
    """Make these rows dead letters with this problem, and return their ids."""
    project.publish(*rows)
    return die(project, problem)


def die(project: Project, problem: Problem) -> list[str]:
    """Make dead letters of the waiting rows, and return their ids."""
    chunk = project.take(project.cut())
    chunk_rows, origin = project.rows(chunk), Origin("submit", chunk.id)
    held = [held_row(row, problem, origin, facts_of(row.raw)) for row in chunk_rows]
    project.settle(chunk, imported=0, outcomes=held)
    return [row.held_id or str(row.seq) for row in chunk_rows]


def misnamed(name: str = "Persn", nearest: str | None = "Person") -> Problem:
    """Return the problem of a feature that the ontology does not have."""
    error = NotInOntology(
        Reason.UNKNOWN_FEATURE,
        "annotations[0].name",
        f"'{name}'",
        "a feature of the project's ontology",
        f"did you mean {nearest}?" if nearest else None,
        Misnamed("feature", name, nearest),
    )
    return Problem(error.reason, error.details())


def import_over(project: Project, *rows: Row) -> None:
    """Publish and import rows; dead letters of their data rows and models are superseded."""
    project.publish(*rows)
    chunk = project.take(project.cut())
    facts = [facts_of(row.raw) for row in project.rows(chunk)]
    superseding = [(fact.row_key, row.seq) for fact, row in zip(facts, project.rows(chunk), strict=True)]
    entries = [
        history.entry(arrival, "imported", history.trace_of(fact.data_row_key, fact.message_id))
        for arrival, fact in zip(history.arrivals(chunk.items), facts, strict=True)
    ]
    part = Slice(chunk.rows, len(rows), superseding=superseding, entries=entries)
    record = history.record_of(chunk, b"".join(entries))
    project.ledger.commit_rows(chunk, 0, part, record=record, finish=True)


def new_message(project: Project, dead_letter_id: str, row: Row) -> EditedMessage:
    """Return the edit that gives a dead letter another message."""
    dead_letter = project.held.dead_letter("p", dead_letter_id)
    assert dead_letter is not None
    return edited_message(dead_letter, prepare(row.raw), project.held.lanes("p"))


def held_keys(project: Project) -> dict[str, Any]:
    """Return the values of all keys of held rows and dead letters, by the key without the project's root."""
    values: dict[str, Any] = {}
    for key in sorted(project.client.keys(f"{project.root}:held*".replace("{", "?").replace("}", "?"))):
        values[key.decode().removeprefix(project.root + ":")] = project.client.hgetall(key)
    for key in sorted(project.client.keys(f"{project.root}:dead*".replace("{", "?").replace("}", "?"))):
        name = key.decode().removeprefix(project.root + ":")
        is_hash = project.client.type(key) == b"hash"
        values[name] = project.client.hgetall(key) if is_hash else {n for n, _ in project.client.zscan_iter(key)}
    return values


def check_indexes(project: Project) -> None:
    """Assert that every index of held rows agrees with their states, and that the conservation sum balances."""
    client, root = project.client, project.root
    states = {name.decode(): orjson.loads(state) for name, state in client.hgetall(f"{root}:held").items()}
    dead = {name: state for name, state in states.items() if not state.get("due") and not state.get("queued")}
    retrying = {name for name, state in states.items() if state.get("due") and not state.get("queued")}
    assert {name.decode() for name in client.hkeys(f"{root}:held:body")} == states.keys()
    assert _members(project, "dead") == dead.keys()
    assert _members(project, "retrying") == retrying
    queued = {name: state.get("since", 0) > 0 for name, state in states.items() if state.get("queued")}
    assert _members(project, "retrying:queued") == {name for name, is_retrying in queued.items() if is_retrying}
    assert _members(project, "dead:queued") == {name for name, is_retrying in queued.items() if not is_retrying}
    for kind, field in (("reason", "reason"), ("group", "group")):
        weights: Counter[str] = Counter()
        for state in dead.values():
            weights[state[field]] += state["weight"]
        assert _numbers(project, f"dead:{kind}s") == dict(weights)
        for value in {state[field] for state in states.values()} | weights.keys():
            expected = {name for name, state in dead.items() if state[field] == value}
            assert _members(project, f"dead:{kind}:{value}") == expected
    for group, name in client.hgetall(f"{root}:dead:sample").items():
        assert dead[name.decode()]["group"] == group.decode()
    assert client.hlen(f"{root}:dead:sample") == len({state["group"] for state in dead.values()})
    for message_id, name in client.hgetall(f"{root}:dead:messages").items():
        assert dead[name.decode()]["message"] == message_id.decode()
    rows: dict[str, set[str]] = {}
    for name, state in states.items():
        if state.get("row"):
            rows.setdefault(state["row"], set()).add(name)
    indexed = client.hgetall(f"{root}:held:rows")
    assert {key.decode(): set(names.decode().split()) for key, names in indexed.items()} == rows
    assert all(len(names.split()) == len(set(names.split())) for names in indexed.values())
    assert not dead or client.zscore(f"{root}:timers", "expire") is not None
    project.audit()


def _members(project: Project, name: str) -> set[str]:
    return {member.decode() for member in project.client.zrange(f"{project.root}:{name}", 0, -1)}


def _numbers(project: Project, name: str) -> dict[str, int]:
    return {key.decode(): int(value) for key, value in project.client.hgetall(f"{project.root}:{name}").items()}
