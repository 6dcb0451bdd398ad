"""The list of dead letters: the query, pages by cursor over all projects, and a search that says its bound."""

import re
from collections.abc import Callable

import pytest

from prelabel_console.access.roles import Role
from prelabel_worker.dead_letters.search import Search
from tests.support.console.browsing import Browser
from tests.support.console.dead import ONE, TWO, box, dead_for, misspelt
from tests.support.dead_letters import misnamed
from tests.support.project import Project

BrowserOf = Callable[..., Browser]
OLDER = re.compile(r'href="(/dead\?[^"]*after=[^"]*)"')
ROWS = re.compile(r'data-row\?key=([^&"]+)')


def keys_of(page: str) -> list[str]:
    """Return the data rows that a page lists, in order."""
    return ROWS.findall(page)


def test_all_projects_are_listed_newest_first_page_by_page(browser: BrowserOf, project: Project) -> None:
    for number in range(13):
        misspelt(project, (ONE, TWO)[number % 2], *(f"{number:02}-{n}" for n in range(9)))
    viewer = browser(Role.VIEWER)

    seen: list[str] = []
    address: str | None = "/dead"
    while address:
        page = viewer.get(address).text
        seen += keys_of(page)
        later = OLDER.search(page)
        address = later[1].replace("&amp;", "&") if later else None

    assert len(seen) == len(set(seen)) == 117
    rounds = [key[:2] for key in seen]
    assert rounds == sorted(rounds, reverse=True)


def test_a_query_selects_by_project_reason_model_and_text(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    dead_for(project, TWO, misnamed("Cra", "Car"), box(TWO, "b", "Cra", model="m 1"), box(TWO, "häfen", "Cra"))
    viewer = browser(Role.VIEWER)

    for query, keys in (
        (f"project:{ONE}", ["a"]),
        ('model:"m 1"', ["b"]),
        ("cra", ["b", "h%C3%A4fen"]),
        ("HÄFEN", ["h%C3%A4fen"]),
        ("reason:unknown-feature since:1h persn", ["a"]),
        ("row:b", ["b"]),
        ('row:b model:"m 1"', ["b"]),
        ("message:id-a", ["a"]),
        ("reason:refused", []),
        ("until:1h", []),
    ):
        assert keys_of(viewer.get("/dead?q=" + query.replace("&", "%26")).text) == keys, query


def test_a_project_s_page_leads_to_its_dead_letters(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    misspelt(project, TWO, "b")

    assert keys_of(browser(Role.VIEWER).get(f"/dead?project={ONE}").text) == ["a"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("raeson:x", "no field is called 'raeson': did you mean reason?"),
        ("since:yesterday", "since: expected RFC 3339 with a zone"),
        ('model:"m', "cannot read"),
        ("http://x", "put it in quotes"),
    ],
)
def test_a_query_that_cannot_be_read_says_what_was_expected(browser: BrowserOf, query: str, said: str) -> None:
    page = browser(Role.VIEWER).text(f"/dead?q={query}", 422)

    assert said in page


def test_a_search_that_stops_at_its_bound_says_so_and_continues(
    browser: BrowserOf, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    misspelt(project, ONE, "needle")
    for number in range(3):
        misspelt(project, ONE, *(f"{number}-{n}" for n in range(100)))
    search = Search.page
    monkeypatch.setattr(Search, "page", lambda *args, **options: search(*args, **options, most=250))
    viewer = browser(Role.VIEWER)

    page = viewer.get("/dead?q=needle").text
    assert "Searched the newest 250" in page
    assert "No dead letter matches so far." in page
    later = OLDER.search(page)
    assert later is not None

    assert keys_of(viewer.get(later[1].replace("&amp;", "&")).text) == ["needle"]


def test_names_and_reasons_are_completed(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    viewer = browser(Role.VIEWER)
    viewer.get("/groups")

    page = viewer.get("/dead").text

    for option in ("reason:", "row:", "since:", "reason:unknown-feature", f"project:{ONE}", "model:&quot;m&quot;"):
        assert f'<option value="{option}">' in page


def test_bulk_actions_are_offered_for_all_that_match(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")

    page = browser(Role.ADMIN).get("/dead?q=reason:unknown-feature").text

    for kind in ("retry", "rename", "discard"):
        assert f'href="/bulk/new?q=reason%3Aunknown-feature&amp;do={kind}"' in page
    assert "/bulk/new" not in browser(Role.VIEWER).get("/dead").text
