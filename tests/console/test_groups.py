"""The pages about error groups: what fails most, what operators decide, and the action that fixes it."""

import re
from collections.abc import Callable

from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.chunks.held_rows import Problem
from tests.support.console.browsing import Browser, words_of
from tests.support.console.dead import ONE, TWO, box, dead_for, fields_of, misspelt
from tests.support.dead_letters import misnamed
from tests.support.project import Project

BrowserOf = Callable[..., Browser]
LINK = re.compile(r'href="(/groups/[0-9a-f]{12})"')


def only_group(somebody: Browser) -> str:
    """Return the address of the first group."""
    found = LINK.search(somebody.get("/groups?state=all").text)
    assert found is not None
    return found[1]


def test_the_largest_group_comes_first_with_what_is_suggested(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a", wrong="Cra", right="Car")
    misspelt(project, ONE, "b", "c")
    misspelt(project, TWO, "d")

    page = browser(Role.VIEWER).text("/groups")

    assert page.index("did you mean Person?") < page.index("did you mean Car?")
    assert "annotations[].name: found 'Persn'" in page
    assert ONE in page
    assert TWO in page


def test_groups_are_searched_by_cause_project_and_model(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    dead_for(project, TWO, misnamed("Cra", "Car"), box(TWO, "b", "Cra", model="yolo"))
    viewer = browser(Role.VIEWER)

    for text, seen, unseen in (("persn", "Person?", "Car?"), ("yolo", "Car?", "Person?"), (ONE, "Person?", "Car?")):
        page = viewer.text(f"/groups?q={text}")
        assert seen in page
        assert unseen not in page
    assert "No open group matches." in viewer.text("/groups?q=nothing")


def test_a_group_is_resolved_then_regressed_then_ignored_and_opened(
    browser: BrowserOf, project: Project, console: Console
) -> None:
    misspelt(project, ONE, "a")
    operator = browser(Role.OPERATOR)
    group = only_group(operator)

    said = operator.act(f"{group}/state", fields_of(operator.get(group).text, "Resolve"))
    assert "The group is resolved." in said
    assert "by operator" in said
    assert "No open group" not in operator.text("/groups?state=resolved")
    misspelt(project, TWO, "b")
    console.dead.groups.renew(5)
    assert "rows have died of the same cause since" in operator.text(group)
    assert "regressed" in operator.text("/groups")
    operator.act(f"{group}/state", fields_of(operator.get(group).text, "Ignore"))
    assert "ignored" in operator.text(group)
    operator.act(f"{group}/state", fields_of(operator.get(group).text, "Open again"))
    assert console.dead.states.all() == {}
    logged = [action.action for action in console.actions().last_with_accounts()]
    assert logged == ["group-open", "group-ignored", "group-resolved"]


def test_the_second_of_two_operators_sees_what_the_first_decided(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    first, second = browser(Role.ADMIN), browser(Role.OPERATOR)
    group = only_group(first)
    shown = second.get(group).text

    first.act(f"{group}/state", fields_of(shown, "Ignore"))
    answer = second.post(f"{group}/state", fields_of(shown, "Resolve"), origin=second.address)

    assert answer.status_code == 409
    assert "admin has set the state of the group to ignored meanwhile" in words_of(answer.text)


def test_a_viewer_is_offered_no_act(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    viewer = browser(Role.VIEWER)

    page = viewer.get(only_group(viewer)).text

    assert "/bulk/new" not in page
    assert '<form class="act"' not in page


def test_a_group_without_hint_has_no_fix(browser: BrowserOf, project: Project) -> None:
    dead_for(project, ONE, Problem(misnamed().reason, {"path": "x", "expected": "a number"}), box(ONE, "a"))
    operator = browser(Role.OPERATOR)

    page = operator.text(only_group(operator))

    assert "Preview the suggested fix" not in page
    assert "Rename and retry" in page


def test_an_unknown_group_says_that_no_dead_letter_is_left(browser: BrowserOf) -> None:
    viewer = browser(Role.VIEWER)

    page = viewer.text("/groups/0123456789ab")
    assert "No dead letter of this group is left." in page
    assert "Error group without dead letters" in page
    assert "No group has this fingerprint." in viewer.text("/groups/not-a-fingerprint", 404)
    assert "Nothing fails" in viewer.text("/groups")
