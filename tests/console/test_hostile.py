"""Texts of strangers on every page: never markup, never a control character, never a link to elsewhere."""

import re
from collections.abc import Callable

import orjson
import pytest

from prelabel.wire import keys
from prelabel_console.access.roles import Role
from prelabel_console.endpoints import ConsoleRoute
from prelabel_console.routes import PAGES
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.presence import Presence, announce, new_identity
from tests.support.console.browsing import Browser, words_of
from tests.support.hostile_text import EVIL, raw_controls
from tests.support.project import Project, message

BrowserOf = Callable[..., Browser]
MARKUP = '"><script src=//evil.example></script><img src=x onerror=alert(1)> {{ 7*7 }} javascript:alert(1)'
HOSTILE = EVIL + MARKUP


@pytest.fixture
def hostile(project: Project) -> Project:
    """A project about which every text that others may write is hostile."""
    prefix = project.settings.key_prefix
    project.publish(message("a"))
    chunk = project.cut()
    client = project.client
    client.hset(keys.project_names(prefix), "p", orjson.dumps({"name": HOSTILE, "at": 2e9}))
    Pauses(client, prefix).pause_project("p", HOSTILE, 600)
    Pauses(client, prefix).stop_account("default", HOSTILE, 600)
    Actions(client, prefix, HOSTILE).record("p", HOSTILE, {HOSTILE: HOSTILE, "rows": 2**63 - 1})
    Actions(client, prefix, HOSTILE).record_account("default", "pause", {"why": HOSTILE})
    announce(client, prefix, new_identity(), Presence(HOSTILE, 7, HOSTILE, 1, name=HOSTILE, role=HOSTILE))
    client.hset(
        project.keys.chunk(chunk), mapping={"name": HOSTILE, "why": HOSTILE, "state": "waiting", "defect": HOSTILE}
    )
    client.hset(keys.quarantine(prefix), "q", orjson.dumps({"ms": 1, "stage": "tick", "detail": HOSTILE}))
    return project


@pytest.mark.parametrize("route", [route for route in PAGES if route.methods == {"GET", "HEAD"}], ids=lambda r: r.name)
def test_no_page_lets_a_stranger_s_text_out_of_its_place(
    browser: BrowserOf, hostile: Project, route: ConsoleRoute
) -> None:
    (chunk,) = hostile.client.zrange(hostile.keys.chunks, 0, -1)
    path = re.sub(
        r"{(\w+)}", lambda place: {"project_id": "p", "name": chunk.decode()}.get(place[1], "x"), route.path_format
    )
    answer = browser(Role.ADMIN).get(path)

    assert answer.status_code in (200, 303, 404, 409, 422)
    assert raw_controls(answer.text) == set()
    assert "<script src=//evil" not in answer.text
    assert "<img" not in answer.text
    assert "onerror=alert(1)>" not in answer.text
    assert not re.search(r'href="(?!/|#|https://app\.labelbox\.com/|http://127\.0\.0\.1)', answer.text)
    assert "49" not in re.findall(r"\{\{.{0,20}", answer.text)


def test_the_texts_are_there_to_be_read(browser: BrowserOf, hostile: Project) -> None:
    text = browser(Role.VIEWER).text("/projects/p")

    assert "\\u202e" in text
    assert "{{ 7*7 }}" in text


def test_large_integers_are_shown_unaltered(browser: BrowserOf, hostile: Project) -> None:
    assert str(2**63 - 1) in browser(Role.VIEWER).text("/actions")


@pytest.mark.parametrize("query", [MARKUP, EVIL, "%00", "a" * 5000, "../../etc/passwd", "\ud7ff\U0001f6a2"])
def test_a_search_for_anything_is_answered(browser: BrowserOf, hostile: Project, query: str) -> None:
    viewer = browser(Role.VIEWER)
    for path in ("/projects", "/actions"):
        answer = viewer.http.get(
            path, params={"search": query, "state": query, "sort": query, "page": query, "who": query}
        )
        assert answer.status_code == 200, words_of(answer.text)
        assert raw_controls(answer.text.replace(query, "")) == set()
        assert "<script src=//" not in answer.text
