"""One data row: its whole history in every project that knows it, reached from the search field of every page."""

from collections.abc import Callable

import pytest

from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from tests.support.console.browsing import Browser
from tests.support.console.dead import ONE, TWO, box, misspelt, named
from tests.support.dead_letters import import_over
from tests.support.project import Project

BrowserOf = Callable[..., Browser]


def test_the_history_of_a_data_row_is_shown_in_all_projects_that_know_it(browser: BrowserOf, project: Project) -> None:
    key = "cam-1/000 1.jpg"
    import_over(named(project, ONE), box(ONE, key, "Person"))
    (dead_letter_id,) = misspelt(project, ONE, key)
    misspelt(project, TWO, key, wrong="Cra", right="Car")
    named(project, TWO).publish(box(TWO, key, messageId="waits"))

    page = browser(Role.VIEWER).get("/data-row?key=cam-1%2F000+1.jpg")
    text = browser(Role.VIEWER).text("/data-row?key=cam-1%2F000+1.jpg")

    assert "Searched 2 of 2 projects" in text
    assert text.count("What stands in Labelbox") == 2
    assert f'href="/dead/{ONE}/{dead_letter_id}"' in page.text
    assert "imported" in text
    assert "dead letter : unknown-feature" in text
    assert "waits in lane" in text
    of_one = text[text.index(ONE) :]
    assert of_one.index("published") < of_one.index("dead letter : unknown-feature")


def test_the_search_field_leads_to_a_project_a_group_or_a_data_row(
    browser: BrowserOf, project: Project, console: Console
) -> None:
    misspelt(project, ONE, "a b")
    viewer = browser(Role.VIEWER)
    group = console.dead.groups.latest().value[0].group

    def leads_to(text: str) -> str:
        return str(viewer.http.get("/search", params={"q": text}).headers["location"])

    assert leads_to(ONE) == f"/projects/{ONE}"
    assert leads_to(group) == f"/groups/{group}"
    assert leads_to(" a b ") == "/data-row?key=a+b"
    assert leads_to("//evil.example/") == "/data-row?key=%2F%2Fevil.example%2F"


def test_an_unknown_data_row_says_what_that_may_mean(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")

    assert "No row found for nothing" in browser(Role.VIEWER).text("/data-row?key=nothing")
    assert "Find a data row" in browser(Role.VIEWER).text("/data-row")


def test_a_search_over_many_projects_ends_in_time_and_can_be_continued(
    browser: BrowserOf, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel_console.pages.data_row.MOST_SECONDS", 0.0)
    misspelt(project, ONE, "x", "y")
    misspelt(project, TWO, "a")
    viewer = browser(Role.VIEWER)

    first = viewer.get("/data-row?key=a").text

    assert "Searched 1 of 2 projects" in " ".join(first.split())
    assert "so far" in first
    assert "dead letter" in viewer.text("/data-row?key=a&from=1")


def test_a_project_whose_keys_are_not_ours_hides_no_other(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    misspelt(project, TWO, "a")
    project.client.delete(named(project, TWO).keys.history)
    project.client.set(named(project, TWO).keys.history, "garbage")

    text = browser(Role.VIEWER).text("/data-row?key=a")

    assert "dead letter : unknown-feature" in text
