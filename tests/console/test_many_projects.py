"""5,000 projects: pages answer from memory, and the reading costs little more than Redis itself."""

import time
from collections.abc import Callable
from statistics import median

import pytest
import redis

from prelabel.wire import keys
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.queries.overview import Overviews
from tests.support.console.browsing import Browser
from tests.support.console.many import PROJECTS, fill_with_waiting_rows


@pytest.fixture
def many(client: "redis.Redis", prefix: str) -> list[str]:
    """The ids of 5,000 projects, of which each tenth has waiting rows."""
    return fill_with_waiting_rows(client, prefix)


def plain_read(client: "redis.Redis", prefix: str, ids: list[str]) -> float:
    """Return the seconds of CPU that it takes to read the same keys, and do nothing with them."""
    began = time.process_time()
    for at in range(0, len(ids), 250):
        with client.pipeline(transaction=False) as pipeline:
            for name in ids[at : at + 250]:
                project_keys = keys.ProjectKeys(prefix, name)
                for key in (project_keys.counts, project_keys.inbox, project_keys.meta, project_keys.overrides):
                    pipeline.hgetall(key)
                for key in (project_keys.chunks, project_keys.retrying, project_keys.retrying_queued):
                    pipeline.zcard(key)
            pipeline.execute()
    return time.process_time() - began


def test_all_projects_are_read_at_little_more_than_the_cost_of_the_reads(
    client: "redis.Redis", prefix: str, console: Console, many: list[str]
) -> None:
    overviews = Overviews(client, console.settings)
    plain = median(plain_read(client, prefix, many) for _ in range(3))
    began = time.process_time()  # not the time that passes: others may have the cores
    overview = overviews.read()
    seconds = time.process_time() - began

    assert len(overview.projects) == PROJECTS
    assert seconds < 2 * plain


@pytest.mark.parametrize("path", ["/", "/projects", "/projects?search=00042&sort=-dead&page=2"])
def test_pages_about_all_projects_do_not_wait_for_the_reading(
    browser: Callable[..., Browser], many: list[str], client: "redis.Redis", prefix: str, path: str
) -> None:
    viewer = browser(Role.VIEWER)
    assert viewer.get("/").status_code == 200
    plain = median(plain_read(client, prefix, many) for _ in range(3))
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        answer = viewer.get(path)
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200
        assert len(answer.content) < 110_000

    assert median(seconds) < max(0.3, plain)
