"""Bulk actions from the console: a preview that changes nothing, progress, abort, and two operators on one group."""

import threading
from collections.abc import Callable

import pytest

from prelabel.wire.client import server_time
from prelabel_console.access.roles import Role
from prelabel_console.bulk.request import BulkRequest
from prelabel_console.bulk.runner import BulkRunner
from prelabel_console.console import Console
from prelabel_worker.dead_letters.bulk import Bulk
from prelabel_worker.dead_letters.bulk_log import AlreadyRunning, BulkAction, BulkLog, TooMany
from prelabel_worker.dead_letters.editing import Edits
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.store import BulkResult
from tests.support.console.browsing import Browser, words_of
from tests.support.console.dead import ONE, TWO, box, cache_ontology, fields_of, misspelt, named
from tests.support.dead_letters import import_over
from tests.support.project import Project
from tests.support.waiting import wait_for

BrowserOf = Callable[..., Browser]
PERSN = "reason:unknown-feature"


def ended(console: Console) -> BulkAction:
    """Wait until the newest action has ended, and return it."""
    wait_for(lambda: console.dead.bulk.log.all()[0].state != "running", "the bulk action")
    return console.dead.bulk.log.all()[0]


def dead_in(project: Project, name: str) -> int:
    return len(named(project, name).held.dead_letters(name))


def test_a_preview_says_what_would_happen_and_changes_nothing(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a", "b", "c", "d")
    import_over(named(project, ONE), *(box(ONE, key, "Person", messageId=f"new-{key}") for key in "abc"))
    cache_ontology(project, ONE)

    page = browser(Role.OPERATOR).text(f"/bulk/new?q={PERSN}&do=retry")
    assert "would retry 1 of 4 : 3 are superseded" in page
    fixed = browser(Role.OPERATOR).text(
        f"/bulk/new?q={PERSN}&do=rename&feature_old=Persn&feature_new=Person&as_new=yes"
    )
    assert "would retry 4 of 4" in fixed
    assert 'annotations[0].name "Persn" "Person"' in fixed
    assert fixed.count("Nothing is known that Labelbox would refuse") == 3
    assert dead_in(project, ONE) == 4


def test_a_fix_that_the_ontology_does_not_have_is_shown_as_such(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    cache_ontology(project, ONE)

    page = browser(Role.OPERATOR).text(f"/bulk/new?q={PERSN}&do=rename&feature_old=Persn&feature_new=Truck")

    assert "found 'Truck'" in page or "'Truck'" in page
    assert "Nothing is known that Labelbox would refuse" not in page


def test_a_group_is_fixed_in_all_projects_and_goes_to_zero(
    browser: BrowserOf, project: Project, console: Console
) -> None:
    misspelt(project, ONE, "a", "b")
    misspelt(project, TWO, "c")
    operator = browser(Role.OPERATOR)
    group = console.dead.groups.latest().value[0].group
    form = fields_of(operator.get(f"/bulk/new?q=group:{group}&do=rename").text, 'action="/bulk"')
    assert (form["feature_old"], form["feature_new"], form["matching"]) == ("Persn", "Person", "3")

    said = operator.act("/bulk", form)

    assert "Persn → Person" in said
    action = ended(console)
    assert (action.state, action.who, action.result.done, action.projects_done) == ("done", "operator", 3, 2)
    assert (dead_in(project, ONE), dead_in(project, TWO)) == (0, 0)
    console.dead.groups.renew(5)
    page = operator.text(f"/groups/{group}")
    assert "No dead letter of this group is left." in page
    assert "found 'Persn'" in page, "what the group was about"
    (one,) = console.actions().last(ONE)
    assert (one.action, one.who, one.details["features"]) == ("retry", "operator", {"Persn": "Person"})
    one_project = named(project, ONE)
    rows = one_project.rows(one_project.take(one_project.cut()))
    assert [b'"Person"' in row.raw for row in rows] == [True] * len(rows)


def test_a_discard_needs_the_number_typed(browser: BrowserOf, project: Project, console: Console) -> None:
    misspelt(project, ONE, "a", "b")
    admin = browser(Role.ADMIN)
    form = fields_of(admin.get(f"/bulk/new?q={PERSN}&do=discard").text, 'action="/bulk/discard"')

    refused = admin.post("/bulk/discard", form | {"typed": "3"}, origin=admin.address)
    assert refused.status_code == 422
    assert "type the number of dead letters, 2" in words_of(refused.text)
    unconfirmed = admin.post("/bulk/discard", {"q": PERSN, "do": "discard"}, origin=admin.address)
    assert unconfirmed.status_code == 422
    assert dead_in(project, ONE) == 2
    admin.act("/bulk/discard", form | {"typed": "2"})

    assert ended(console).result.done == 2
    assert named(project, ONE).status().discarded == 2


def test_an_operator_cannot_discard_by_the_form_of_a_retry(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    operator = browser(Role.OPERATOR)
    page = operator.get(f"/bulk/new?q={PERSN}&do=discard").text
    assert "Discarding needs the role admin" in page

    form = {"q": PERSN, "do": "discard", "typed": "1", "expected": "1", "matching": "1", "until": ""}
    assert operator.post("/bulk", form, origin=operator.address).status_code == 422
    assert operator.post("/bulk/discard", form, origin=operator.address).status_code == 403
    assert dead_in(project, ONE) == 1


def test_what_died_after_the_preview_is_left_alone(browser: BrowserOf, project: Project, console: Console) -> None:
    misspelt(project, ONE, "a")
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(f"/bulk/new?q={PERSN}&do=retry").text, 'action="/bulk"')
    wait_for(lambda: console.held.now_ms() > int(form["until"]), "the next millisecond")
    misspelt(project, ONE, "b")

    operator.act("/bulk", form)

    assert ended(console).result.done == 1
    assert dead_in(project, ONE) == 1


def test_the_second_operator_on_the_same_group_is_told_who_runs_what(
    browser: BrowserOf, project: Project, console: Console
) -> None:
    misspelt(project, ONE, "a")
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(f"/bulk/new?q={PERSN}&do=retry").text, 'action="/bulk"')
    running = console.dead.bulk.log.begin(
        name="retry them", verb="retry", who="ann", scope=PERSN, matching=1, projects=1
    )

    answer = operator.post("/bulk", form, origin=operator.address)

    assert answer.status_code == 409
    assert "ann is already running “retry them”" in words_of(answer.text)
    assert running.id in answer.text
    assert "ann is already running" in operator.text(f"/bulk/new?q={PERSN}&do=retry")
    assert dead_in(project, ONE) == 1


def test_an_action_is_aborted_between_two_slices(browser: BrowserOf, project: Project, console: Console) -> None:
    misspelt(project, ONE, *(f"k{n}" for n in range(30)))
    runner = BulkRunner(project.client, project.settings.key_prefix, rows_per_second=5)
    request = BulkRequest.read({"q": PERSN, "do": "retry"})
    action = runner.start(request, request.query.filter_at(0), [ONE], 30, "ann")
    operator = browser(Role.OPERATOR)

    said = operator.act(f"/bulk/{action.id}/abort")

    assert "operator aborted it" in said
    stopped = ended(console)
    assert stopped.state == "aborted"
    assert 0 < stopped.result.done < 30
    assert dead_in(project, ONE) == 30 - stopped.result.done
    late = operator.post(f"/bulk/{action.id}/abort", origin=operator.address)
    assert late.status_code == 409
    runner.stop()


def test_an_action_whose_console_has_ended_is_interrupted(
    project: Project, console: Console, browser: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = BulkLog(project.client, project.settings.key_prefix)
    action = log.begin(name="retry them", verb="retry", who="ann", scope="all", matching=5, projects=1)
    log.update(action, BulkResult(2, 2, 0, 2), 0)
    assert log.all()[0].state == "running"
    monkeypatch.setattr("prelabel_worker.dead_letters.bulk_log.SILENT_SECONDS", 0.001)
    wait_for(lambda: log.all()[0].state == "interrupted", "silence")

    page = browser(Role.VIEWER).text(f"/bulk/{action.id}")

    assert "The console that carried this out has ended." in page
    assert "retry them" in browser(Role.VIEWER).text("/bulk")
    log.begin(name="again", verb="retry", who="bob", scope="all", matching=5, projects=1)


def test_a_stopped_console_says_so_and_records_what_was_done(project: Project) -> None:
    misspelt(project, ONE, *(f"k{n}" for n in range(30)))
    runner = BulkRunner(project.client, project.settings.key_prefix, rows_per_second=5)
    request = BulkRequest.read({"q": PERSN, "do": "retry"})
    runner.start(request, DeadLetterFilter(), [ONE], 30, "ann")
    wait_for(lambda: dead_in(project, ONE) < 30, "the first slice")

    runner.stop()

    action = runner.log.all()[0]
    assert (action.state, action.problem) == ("aborted", "the console that carried it out was stopped")
    assert action.result.done == 30 - dead_in(project, ONE)


def test_a_project_with_wrong_keys_does_not_end_the_action(project: Project) -> None:
    misspelt(project, ONE, "a")
    misspelt(project, TWO, "b")
    project.client.delete(named(project, ONE).keys.dead_reason("unknown-feature"))
    project.client.set(named(project, ONE).keys.dead_reason("unknown-feature"), "garbage")
    runner = BulkRunner(project.client, project.settings.key_prefix)
    request = BulkRequest.read({"q": PERSN, "do": "retry"})
    runner.start(request, request.query.filter_at(0), [ONE, TWO], 2, "ann")
    wait_for(lambda: runner.log.all()[0].state != "running", "the action")

    action = runner.log.all()[0]

    assert (action.state, action.problem, action.result.done) == ("done", "1 project could not be read", 1)
    runner.stop()


def test_one_console_carries_out_few_actions_at_a_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    misspelt(project, ONE, *(f"k{n}" for n in range(5)))
    monkeypatch.setattr("prelabel_console.bulk.runner.AT_ONCE", 1)
    runner = BulkRunner(project.client, project.settings.key_prefix, rows_per_second=1)
    first = BulkRequest.read({"q": PERSN, "do": "retry"})
    runner.start(first, first.query.filter_at(0), [ONE], 5, "ann")
    second = BulkRequest.read({"q": "model:m", "do": "retry"})

    with pytest.raises(TooMany, match="this console carries out 1"):
        runner.start(second, second.query.filter_at(0), [ONE], 5, "bob")

    runner.stop()


def test_of_two_that_begin_at_once_one_runs(project: Project) -> None:
    log = BulkLog(project.client, project.settings.key_prefix)
    begun: list[str] = []
    refused: list[str] = []

    def begin(who: str) -> None:
        try:
            log.begin(name=who, verb="retry", who=who, scope="group:x", matching=1, projects=1)
            begun.append(who)
        except AlreadyRunning as error:
            refused.append(error.action.who)

    threads = [threading.Thread(target=begin, args=(who,)) for who in ("ann", "bob", "cem")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(begun) == 1
    assert refused == begun * 2


def wait_for_another_millisecond(project: Project) -> None:
    began = server_time(project.client, "")
    wait_for(lambda: server_time(project.client, "") > began + 0.002, "another millisecond")


def test_the_oldest_ended_actions_are_forgotten(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.dead_letters.bulk_log.KEPT", 3)
    log = BulkLog(project.client, project.settings.key_prefix)
    for number in range(6):
        wait_for_another_millisecond(project)
        action = log.begin(name=str(number), verb="retry", who="a", scope=str(number), matching=1, projects=1)
        log.abort(action.id, "b")
        log.end(action, BulkResult(1, 1, 0, 1), 1, "done")

    assert sorted(action.name for action in log.all()) == ["3", "4", "5"]
    assert project.client.hlen(f"{project.settings.key_prefix}:bulk") == 6, "an action and who aborts it"


@pytest.mark.parametrize("fields", ["do=eat", "do=rename&feature_old=a", "do=retry&q=nofield:1"])
def test_a_form_that_makes_no_sense_is_refused(browser: BrowserOf, fields: str) -> None:
    assert "Not carried out" in browser(Role.OPERATOR).text(f"/bulk/new?{fields}", 422)


def test_a_preview_ends_in_time_although_nothing_matches(
    browser: BrowserOf, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    misspelt(project, ONE, *(f"k{n}" for n in range(450)))
    monkeypatch.setattr("prelabel_console.bulk.preview.MOST_SECONDS", -1.0)

    page = browser(Role.OPERATOR).text("/bulk/new?q=nothing&do=retry")

    assert "These are the first that were looked at; there are more" in page


def test_an_action_is_aborted_although_nothing_matches(project: Project) -> None:
    misspelt(project, ONE, *(f"k{n}" for n in range(450)))
    asked: list[BulkResult] = []
    bulk = Bulk(named(project, ONE).held, DeadLetterFilter(words=("nothing",)))

    def stop(result: BulkResult) -> None:
        asked.append(result)
        bulk.stop.set()

    bulk.progress = stop
    bulk.retry(ONE)
    bulk.edit(ONE, Edits(features={"a": "b"}))

    assert len(asked) == 2
