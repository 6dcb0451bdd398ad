"""Rows whose data row is missing, so that they are retried."""

import orjson

from prelabel_worker.operations.projects import Projects
from tests.support.project import Project


def not_found(project: Project, *, since_ms: int = 0) -> int:
    """Cut a chunk and hold each of its rows as retrying, because its data row is missing; return their number.

    With `since_ms`, all rows that are held already have been retrying for that much longer.
    """
    chunk = project.take(project.cut())
    rows = project.rows(chunk)
    if since_ms:
        _shift(project, "since", -since_ms)
    outcomes = [project.holding(row, reason="data-row-not-found", retrying=True) for row in rows]
    project.settle(chunk, imported=0, outcomes=outcomes)
    return len(rows)


def _shift(project: Project, field: str, by_ms: int) -> None:
    for name, data in project.client.hgetall(f"{project.root}:held").items():
        state = orjson.loads(data)
        state[field] += by_ms
        project.client.hset(f"{project.root}:held", name, orjson.dumps(state))


def retry_for(project: Project, hours: str) -> None:
    Projects(project.client, project.settings.key_prefix).override("p", {"retryHours": hours})
