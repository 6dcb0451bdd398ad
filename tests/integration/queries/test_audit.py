"""The audit says where an index of held rows and the states differ."""

import pytest

from prelabel_worker.queries.audit import audit
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("ZREM", "dead", "1"), "dead letters listed: counted 1, found 2"),
        (("ZADD", "retrying", "1", "9"), "retrying rows listed: counted 1, found 0"),
        (("HDEL", "held:body", "1"), "bodies of held rows: counted 2, found 3"),
        (("DEL", "held:rows"), "held rows by data row: counted 0, found 3"),
        (("HINCRBY", "dead:reasons", "refused", "1"), "dead by reason: counted 3, found 2"),
        (("DEL", "dead:groups"), "dead by group: counted 0, found 2"),
        (("HDEL", "held", "3"), "held rows in lanes: counted 1, found 0"),
        (("ZREM", "dead:queued", "3"), "dead letters listed as being tried: counted 0, found 1"),
        (("ZADD", "retrying:queued", "1", "3"), "retrying rows listed as being tried: counted 1, found 0"),
    ],
    ids=lambda value: value[0] + " " + value[1] if isinstance(value, tuple) else "",
)
def test_an_index_that_says_something_else_is_named(project: Project, command: tuple[str, ...], said: str) -> None:
    kill(project, *(real_message(key) for key in "abc"))
    project.held.retry("p", ["3"])
    project.audit()

    name, key, *rest = command
    project.client.execute_command(name, f"{project.root}:{key}", *rest)

    (found,) = audit(project.client, project.settings.key_prefix)
    assert said in found.differences


def test_a_row_that_is_on_its_way_nowhere_is_found(project: Project) -> None:
    kill(project, real_message("a"))
    project.held.retry("p", ["1"])
    (lane,) = project.client.keys(f"{project.root}:lane:*")
    entry = project.client.lpop(lane)
    assert entry is not None

    (found,) = audit(project.client, project.settings.key_prefix)

    assert "held rows on their way: counted 1, found 0" in found.differences
