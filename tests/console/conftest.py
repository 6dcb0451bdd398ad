"""Consoles of the session's Redis."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from tests.support.console.browsing import Browser, console_settings, serving


@pytest.fixture
def served(client: "redis.Redis", redis_url: str, prefix: str) -> Iterator[tuple[Console, str]]:
    """Yield a console and its address."""
    with serving(client, console_settings(redis_url, prefix)) as running:
        yield running


@pytest.fixture
def console(served: tuple[Console, str]) -> Console:
    return served[0]


@pytest.fixture
def browser(served: tuple[Console, str]) -> Iterator[Callable[..., Browser]]:
    """Yield a function that makes browsers of somebody with this role, or of a stranger."""
    opened: list[Browser] = []

    def open_browser(role: Role | None, **options: Any) -> Browser:
        opened.append(Browser(served[1], role, **options))
        return opened[-1]

    yield open_browser
    for one in opened:
        one.http.close()
