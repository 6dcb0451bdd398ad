"""Consoles of the session's Redis."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from tests.support.console.browsing import TOKENS, Browser, browsers, console_settings, serving
from tests.support.rig import Rig
from tests.support.sandbox.chromium import chromium
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.session import sandbox_process

__all__ = ["chromium", "sandbox_process"]

WIDE = {"width": 1280, "height": 800}


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
    with browsers(served[1]) as open_browser:
        yield open_browser


@pytest.fixture
def visit(chromium: Chromium, served: tuple[Console, str]) -> Iterator[Callable[..., Page]]:
    """Yield a function that opens a page, signed in; at the end, assert an empty log and no request to another host.

    `ignore` has parts of complaints that are expected.
    """
    complaints: list[str] = []
    requested: list[str] = []
    contexts = []
    address = served[1]

    def opened(path: str, role: Role | None = Role.ADMIN, ignore: tuple[str, ...] = (), **options: Any) -> Page:
        def complain(text: str) -> None:
            complaints.extend([] if any(part in text for part in ignore) else [text])

        context = chromium.new_context(**{"viewport": WIDE, "base_url": address, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complain(said.text) if said.type != "log" else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        if role is not None:
            page.goto(f"/workers?token={TOKENS[role]}")
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert {re.sub(r"^(\w+://[^/]+).*", r"\1", url) for url in requested} <= {address}


@pytest.fixture
def rig(client: "redis.Redis", redis_url: str, prefix: str, sandbox_process: SandboxProcess) -> Iterator[Rig]:
    """Yield a project whose stages are called one by one, and a sandbox whose imports take no time."""
    sandbox_process.control("POST", "/settings", {"secondsPerImport": 0.0, "duplicateNames": "refuse"})
    made = Rig(client, redis_url, prefix, sandbox_process)
    yield made
    made.close()
    sandbox_process.control("DELETE", "/faults")


@pytest.fixture
def with_key(rig: Rig, redis_url: str, prefix: str) -> Iterator[Callable[..., Browser]]:
    """Yield a function that makes browsers of a console that has the key of the rig's sandbox."""
    settings = console_settings(
        redis_url,
        prefix,
        labelbox_endpoint=rig.settings.labelbox_endpoint,
        labelbox_api_key=rig.settings.labelbox_api_key,
        requests_per_minute=rig.settings.requests_per_minute,
        request_burst=rig.settings.request_burst,
    )
    with serving(rig.client, settings) as (_, address), browsers(address) as open_browser:
        yield open_browser
