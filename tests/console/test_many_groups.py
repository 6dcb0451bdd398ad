"""5,000 projects with dead letters of 300 causes: pages answer from memory, and reading costs little more than Redis.

The dead letters of a group are listed in sorted sets, of which only the ends are read: their number does not matter.
"""

import time
from collections.abc import Callable
from statistics import median

import pytest
import redis

from prelabel.wire import keys
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.queries.error_groups import ErrorGroups
from tests.support.console.browsing import Browser
from tests.support.console.many import GROUPS, OF_A_PROJECT, PROJECTS, ROWS, fill_with_dead_letters


@pytest.fixture
def many(client: "redis.Redis", prefix: str) -> list[str]:
    """The ids of 5,000 projects, each with dead letters of three of 300 causes."""
    return fill_with_dead_letters(client, prefix)


def plain_read(client: "redis.Redis", prefix: str, ids: list[str]) -> float:
    """Return the seconds that it takes to ask each project for two facts, and do nothing with them."""
    began = time.perf_counter()
    for at in range(0, len(ids), 500):
        with client.pipeline(transaction=False) as pipeline:
            for name in ids[at : at + 500]:
                pipeline.zcard(keys.ProjectKeys(prefix, name).dead)
                pipeline.zrange(keys.ProjectKeys(prefix, name).dead, 0, 0, desc=True, withscores=True)
            pipeline.execute()
    return time.perf_counter() - began


def test_unchanged_projects_cost_little_more_than_two_commands_each(
    client: "redis.Redis", prefix: str, many: list[str]
) -> None:
    groups = ErrorGroups(client, prefix)
    read = groups.read()
    plain = median(plain_read(client, prefix, many) for _ in range(3))
    began = time.perf_counter()
    again = groups.read()
    seconds = time.perf_counter() - began

    assert (len(read), sum(group.rows for group in read)) == (GROUPS, PROJECTS * OF_A_PROJECT * ROWS)
    assert all(abs(group.project_count - PROJECTS * OF_A_PROJECT / GROUPS) <= OF_A_PROJECT for group in read)
    assert again == read
    assert seconds < 4 * plain + 0.2


@pytest.mark.parametrize("path", ["/groups", "/groups?q=annotations&page=4", "/groups/{group}"])
def test_pages_about_groups_do_not_wait_for_the_reading(
    browser: Callable[..., Browser], console: Console, many: list[str], path: str
) -> None:
    viewer = browser(Role.VIEWER)
    path = path.format(group=console.dead.groups.latest().value[0].group)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        answer = viewer.get(path)
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200
        assert len(answer.content) < 150_000

    assert min(seconds) < 0.3
