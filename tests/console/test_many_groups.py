"""5,000 projects with dead letters of 300 causes: pages answer from memory, and reading costs little more than Redis.

The dead letters of a group are listed in sorted sets, of which only the ends are read: their number does not matter.
"""

import hashlib
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

PROJECTS, GROUPS, OF_A_PROJECT, ROWS = 5000, 300, 3, 67
STATE = (
    b'{"seq":1,"lane":1,"weight":1,"bytes":9,"slow":0,"reason":"refused","group":"%s","attempts":1,"first":1,"last":1}'
)
BODY = b'{"path":"annotations[0].name","found":"x","dataRow":"k:a","model":"yolo"}\n{"a":1}'


@pytest.fixture
def many(client: "redis.Redis", prefix: str) -> list[str]:
    """The ids of 5,000 projects, each with dead letters of three of 300 causes."""
    causes = [hashlib.blake2b(str(number).encode(), digest_size=6).hexdigest() for number in range(GROUPS)]
    ids = [f"cproject{number:017}" for number in range(PROJECTS)]
    for at in range(0, PROJECTS, 500):
        with client.pipeline(transaction=False) as pipeline:
            for number, name in enumerate(ids[at : at + 500], at):
                own = [causes[(number + 101 * place) % GROUPS] for place in range(OF_A_PROJECT)]
                fill(pipeline, keys.ProjectKeys(prefix, name), own)
                pipeline.zadd(keys.projects(prefix), {name: 0})
            pipeline.execute()
    return ids


def fill(pipeline: "redis.client.Pipeline", project_keys: keys.ProjectKeys, causes: list[str]) -> None:
    """Write what the pages read of a project with a dead letter of each cause."""
    pipeline.hset(project_keys.counts, mapping={"published": 1000, "dead": ROWS * len(causes)})
    for number, cause in enumerate(causes, 1):
        pipeline.zadd(project_keys.dead, {str(number): number})
        pipeline.zadd(project_keys.dead_group(cause), {str(number): number})
        pipeline.hset(project_keys.dead_groups, cause, ROWS)
        pipeline.hset(project_keys.dead_sample, cause, number)
        pipeline.hset(project_keys.held, str(number), STATE % cause.encode())
        pipeline.hset(project_keys.held_body, str(number), BODY)


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
