"""Hostile messages on every page about dead letters: markup, control characters, right to left, 4 MiB, deep nesting."""

import re
from collections.abc import Callable

import orjson
import pytest

from prelabel.errors import Reason
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.chunks.held_rows import Problem
from tests.support.console.browsing import Browser
from tests.support.console.dead import ONE, box, dead_for
from tests.support.hostile_text import EVIL, raw_controls
from tests.support.project import Project

BrowserOf = Callable[..., Browser]
MARKUP = '"><script src=//evil.example></script><img src=x onerror=alert(1)></textarea> {{ 7*7 }} &lt;'
HOSTILE = EVIL + MARKUP
PAGE_BYTES = 150_000


def hostile_problem() -> Problem:
    details = {
        "path": f"annotations[0].{HOSTILE}",
        "found": HOSTILE,
        "expected": HOSTILE,
        "hint": HOSTILE,
        "misnamed": {"kind": "feature", "name": HOSTILE, "nearest": "Person"},
        "errors": [{"name": HOSTILE, "message": HOSTILE}] * 5,
        "taken": [HOSTILE] * 300,
        HOSTILE: HOSTILE,
    }
    return Problem(Reason.REFUSED, details)


def shown(page: str) -> str:
    """Return a page without the fields that are sent back as they are, in which nothing else is read."""
    return re.sub(r'<textarea.*?</textarea>| value="[^"]*"', "", page, flags=re.DOTALL)


@pytest.fixture(params=["small", "4 MiB", "deep", "no json"])
def dead_letter_id(project: Project, request: pytest.FixtureRequest) -> str:
    """The id of a dead letter whose every text is hostile."""
    row = box(ONE, HOSTILE, HOSTILE, model=HOSTILE, messageId=HOSTILE)
    raw = row.raw
    if request.param == "4 MiB":
        raw = raw.replace(b'"annotations"', b'"filler":"' + b"\\u202e" * 650_000 + b'","annotations"')
    elif request.param == "deep":
        raw = raw.replace(b'"annotations"', b'"filler":' + b"[" * 900 + b"]" * 900 + b',"annotations"')
    (made,) = dead_for(project, ONE, hostile_problem(), type(row)(row.data_row_key, raw, 0))
    if request.param == "no json":
        body = project.client.hget(f"{project.settings.key_prefix}:{{{ONE}}}:held:body", made)
        broken = body.partition(b"\n")[0] + b"\n" + b"\xff\xfe{" + HOSTILE.encode()
        project.client.hset(f"{project.settings.key_prefix}:{{{ONE}}}:held:body", made, broken)
    return made


def test_a_hostile_message_is_text_on_every_page(browser: BrowserOf, console: Console, dead_letter_id: str) -> None:
    admin = browser(Role.ADMIN)
    group = console.dead.groups.latest().value[0].group
    pages = (
        "/groups",
        "/groups?q=evil",
        f"/groups/{group}",
        "/dead",
        "/dead?q=evil",
        f"/dead/{ONE}/{dead_letter_id}",
        f"/bulk/new?q=group:{group}&do=rename",
        f"/bulk/new?q=group:{group}&do=discard",
        "/bulk",
    )
    for path in pages:
        answer = admin.get(path)

        assert answer.status_code == 200, path
        assert raw_controls(shown(answer.text)) == set(), path
        assert "<script src=//evil" not in answer.text
        assert "<img" not in answer.text
        assert answer.text.count("</textarea>") == answer.text.count("<textarea"), path
        assert "49" not in re.findall(r"\{\{.{0,20}", answer.text)
        assert not re.search(r'href="(?!/|#|https://app\.labelbox\.com/)', answer.text)
        assert len(answer.content) < PAGE_BYTES, path


def test_a_hostile_data_row_is_found_and_leads_nowhere_else(browser: BrowserOf, dead_letter_id: str) -> None:
    admin = browser(Role.ADMIN)

    answer = admin.http.get("/data-row", params={"key": HOSTILE})

    assert answer.status_code == 200
    assert raw_controls(shown(answer.text)) == set()
    assert "<img" not in answer.text
    assert f"/dead/{ONE}/{dead_letter_id}" in answer.text or "No row found" in answer.text


def test_a_hostile_query_and_a_hostile_text_come_back_as_text(browser: BrowserOf, dead_letter_id: str) -> None:
    admin = browser(Role.ADMIN)

    for answer in (
        admin.http.get("/dead", params={"q": HOSTILE}),
        admin.http.get("/groups", params={"q": HOSTILE}),
        admin.http.get("/bulk/new", params={"q": HOSTILE, "do": "retry"}),
        admin.post(f"/dead/{ONE}/{dead_letter_id}/message", {"message": HOSTILE, "digest": "x"}, origin=admin.address),
    ):
        assert answer.status_code in (200, 409, 422)
        assert "<img" not in answer.text
        assert "<script src=//evil" not in answer.text
        assert not raw_controls(shown(answer.text))


def test_the_check_of_a_hostile_message_answers_json_that_no_browser_sniffs(
    browser: BrowserOf, dead_letter_id: str
) -> None:
    admin = browser(Role.ADMIN)
    message = orjson.dumps({"projectId": ONE, "annotations": [{"name": HOSTILE}]}).decode()

    answer = admin.post(f"/dead/{ONE}/{dead_letter_id}/check", {"message": message}, origin=admin.address)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["problems"]


def test_the_download_is_a_file_that_no_browser_opens(browser: BrowserOf, dead_letter_id: str) -> None:
    answer = browser(Role.VIEWER).get(f"/dead/{ONE}/{dead_letter_id}/message")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
