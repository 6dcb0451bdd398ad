"""What the pages show of real projects."""

import time
from collections.abc import Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from prelabel.wire import keys
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.operations.projects import Projects
from prelabel_worker.operations.purge import Purge
from prelabel_worker.presence import Presence, announce, new_identity
from prelabel_worker.queries.imports import Imports
from tests.support.console.browsing import Browser
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project, message
from tests.support.rig import Rig
from tests.support.waiting import wait_for

BrowserOf = Callable[..., Browser]


def test_the_overview_sums_up_all_projects(browser: BrowserOf, project: Project) -> None:
    project.publish(*(message(f"a{number}") for number in range(5)))
    kill(Project(project.client, project.settings, "other"), real_message("x"), real_message("y"))

    text = browser(Role.VIEWER).text("/")

    assert "5 rows pending" in text
    assert "5 waiting" in text
    assert "2 dead" in text
    assert "2 projects" in text
    assert "No worker is alive rows are accepted and wait: start a worker" in text


def test_without_any_row_the_pages_say_how_to_begin(browser: BrowserOf) -> None:
    viewer = browser(Role.VIEWER)

    assert "No row has been published yet" in viewer.text("/")
    assert "prelabel publish FILE" in viewer.text("/projects")
    assert "No worker is alive" in viewer.text("/workers")
    assert "No action is recorded" in viewer.text("/actions")


def test_the_audit_s_verdict_is_shown_with_its_age(
    browser: BrowserOf, console: Console, project: Project, wait_for: Callable[..., None]
) -> None:
    project.publish(message("a"))
    viewer = browser(Role.VIEWER)
    wait_for(lambda: console.audit.peek() is not None, "the first audit", 30)

    assert "The audit balances 1 project. It ran" in viewer.text("/")


def test_counts_that_do_not_balance_need_a_person(
    browser: BrowserOf, console: Console, project: Project, wait_for: Callable[..., None]
) -> None:
    project.publish(message("a"))
    project.client.hincrby(project.keys.counts, "dead", 3)
    viewer = browser(Role.VIEWER)
    wait_for(lambda: console.audit.peek() is not None, "the first audit", 30)

    assert "The counts of p do not balance" in viewer.text("/")


def test_projects_are_searched_narrowed_sorted_and_paged(browser: BrowserOf, project: Project) -> None:
    for number in range(60):
        Project(project.client, project.settings, f"p{number:02}").publish(
            *(message(f"k{at}") for at in range(1 + number % 3))
        )
    viewer = browser(Role.VIEWER)

    first, second = viewer.text("/projects?sort=project"), viewer.text("/projects?sort=project&page=2")
    assert "1–50 of 60 projects" in first
    assert "p00" in first
    assert "p59" in second
    assert "p00" not in second
    assert viewer.text("/projects?sort=-pending").index("p02") < viewer.text("/projects?sort=-pending").index("p05")
    found = viewer.text("/projects?search=P17")
    assert "p17" in found
    assert "p18" not in found
    assert "No project matches" in viewer.text("/projects?state=dead")
    assert "p17" in viewer.text("/projects?state=pending&search=p17&page=999")


def test_a_project_whose_rows_were_all_discarded_is_found_but_not_listed(browser: BrowserOf, project: Project) -> None:
    mistyped = Project(project.client, project.settings, "mistyped")
    project.publish(message("a"))
    mistyped.publish(message("a"))
    Purge(mistyped.client, mistyped.settings).run("mistyped", "somebody", 0)
    viewer = browser(Role.VIEWER)

    assert "mistyped" not in viewer.text("/projects") + viewer.text("/")
    assert "mistyped" in viewer.text("/projects?search=mist")
    assert "mistyped" in viewer.text("/projects?state=emptied")
    assert "Rows" in viewer.text("/projects/mistyped")


def test_a_project_s_counts_are_shown_as_the_sum_they_are(browser: BrowserOf, project: Project) -> None:
    kill(project, real_message("x"))
    project.publish(*(message(f"a{number}") for number in range(4)))

    text = browser(Role.VIEWER).text("/projects/p")

    assert "5 published = 0 imported + 0 superseded + 0 skipped + 1 dead + 0 discarded + 4 pending" in text


def test_a_project_shows_its_chunks_imports_and_flow(with_key: BrowserOf, rig: Rig) -> None:
    rig.publish("a", "b")
    rig.settle()
    rig.publish("c")
    rig.run(lambda: bool(rig.chunks()), "a chunk")
    viewer = with_key(Role.VIEWER)
    here = f"/projects/{rig.project.id}"

    page = viewer.get(here).text
    text = viewer.text(here)

    assert "FINISHED" in text
    assert "2 imported" in text
    assert "Published in the last hour 3" in text
    assert "None: no row is on its way" not in text
    (status,) = Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id)
    name = status.name
    assert name in text
    assert f'href="{rig.sandbox.url}/projects/{rig.project.id}"' in page
    detail = viewer.text(f"{here}/imports/{name}")
    assert "Rows 2 Imported 2" in detail
    assert name in viewer.text(f"{here}/imports")


def test_names_of_projects_come_from_labelbox_and_are_remembered(
    with_key: BrowserOf, rig: Rig, wait_for: Callable[..., None]
) -> None:
    body = {
        "id": rig.project.id,
        "name": "Harbour <b>cams</b>",
        "mediaType": "IMAGE",
        "ontology": {"tools": [], "classifications": []},
    }
    rig.sandbox.control("POST", "/projects", body)
    rig.publish("a")
    Project(rig.client, rig.settings, "cunknown0000000000000000").publish(message("z"))
    viewer = with_key(Role.VIEWER)

    wait_for(lambda: "Harbour <b>cams</b>" in viewer.text("/projects"), "the name", 30)
    page = viewer.get("/projects").text
    assert "Harbour &lt;b&gt;cams&lt;/b&gt;" in page
    assert "cunknown0000000000000000" in page
    found = viewer.text("/projects?search=harbour+%3Cb")
    assert rig.project.id in found
    asked = {rig.project.id.encode(), b"cunknown0000000000000000"}
    wait_for(lambda: set(rig.client.hkeys(f"{rig.settings.key_prefix}:names")) == asked, "both answers", 30)


def test_an_account_shows_its_budget_and_what_stops_it(
    with_key: BrowserOf, rig: Rig, wait_for: Callable[..., None]
) -> None:
    rig.publish("a")
    rig.settle()
    viewer = with_key(Role.VIEWER)

    text = viewer.text("/accounts")

    assert "of 100,000" in text
    assert "Key in this console yes" in text
    rig.project.pauses.stop_account("default", "429 at noon", 60, kind="throttled")
    wait_for(lambda: "throttled: 429 at noon, until" in viewer.text("/accounts"), "the stop", 20)


def test_workers_are_shown_with_role_release_and_liveness(browser: BrowserOf, project: Project) -> None:
    for role, stalled in (("submit", 0.0), ("submit", 99.0)):
        presence = Presence("host", 7, "0.9", 2, name=f"w-{stalled:g}@host", role=role, stalled_seconds=stalled)
        announce(project.client, project.settings.key_prefix, new_identity(), presence)

    text = browser(Role.VIEWER).text("/workers")

    assert "No worker has the role poll" in text
    assert "no progress for 1 min 39 s" in text
    assert "Processes 4" in text


def test_a_worker_that_has_not_ticked_for_a_while_is_not_alive(browser: BrowserOf, project: Project) -> None:
    viewer, key = browser(Role.VIEWER), keys.workers(project.settings.key_prefix)
    silent = Presence("host", 7, "0.9", 2, name="w@host", role="submit", at=time.time() - 20)
    project.client.hset(key, new_identity(), msgspec.json.encode(silent))

    text = viewer.text("/workers")
    assert "No worker is alive" in text
    assert "Alive 0 Silent 1 Processes 0" in text
    assert "silent: it died, or cannot reach Redis" in text
    assert "0 workers alive" in viewer.text("/")

    announce(project.client, project.settings.key_prefix, new_identity(), msgspec.structs.replace(silent, role="poll"))
    wait_for(lambda: "Alive 1 Silent 1 Processes 2" in viewer.text("/workers"), "the other worker", 20)
    assert "No worker has the role submit" in viewer.text("/workers")


def test_actions_are_listed_with_who_did_them(browser: BrowserOf, console: Console, project: Project) -> None:
    project.publish(message("a"))
    console.actions().record("p", "pause", {"why": "noon"})
    operator = browser(Role.OPERATOR)
    operator.act("/projects/p/flush")

    text = operator.text("/actions")

    assert "operator flush p rows 1" in text
    assert "pause p why noon" in text
    assert "pause" not in operator.text("/actions?who=operator").partition("Details")[2]
    assert "flush" in operator.text("/actions?project=p")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/projects/never-heard-of", 404, "No row of a project never-heard-of has been published"),
        ("/projects/a%20b", 404, "No project can have this id"),
        ("/projects/p/imports/none", 404, "No chunk or import of this project"),
        ("/no/such/page", 404, "There is nothing at this address"),
        ("/actions?project=a%20b", 422, "No project can have this id"),
    ],
)
def test_what_does_not_exist_has_a_page_that_says_so(
    browser: BrowserOf, project: Project, path: str, status: int, words: str
) -> None:
    project.publish(message("a"))

    assert words in browser(Role.VIEWER).text(path, status)


def test_a_project_whose_keys_are_garbage_has_a_page_that_says_so(browser: BrowserOf, project: Project) -> None:
    project.publish(message("a"))
    project.client.delete(project.keys.counts)
    project.client.set(project.keys.counts, "x")
    viewer = browser(Role.VIEWER)

    assert "This project cannot be read" in viewer.text("/projects/p")
    assert "1 project in quarantine" in viewer.text("/projects")


def test_an_override_of_retrying_rows_that_is_garbage_has_a_page_that_says_so(
    browser: BrowserOf, project: Project
) -> None:
    project.client.hset(project.keys.counts, mapping={"published": 1})
    project.client.zadd(project.keys.retrying, {"1": 0})
    project.client.hset(project.keys.overrides, "retryHours", "soon")

    assert "This project cannot be read" in browser(Role.VIEWER).text("/projects/p")


def test_an_override_is_shown_where_it_is_in_force(browser: BrowserOf, project: Project) -> None:
    Projects(project.client, project.settings.key_prefix).override("p", {"chunkRows": "7"})
    project.publish(message("a"))

    assert "Overrides in force chunk-rows 7" in browser(Role.VIEWER).text("/projects/p")


def test_actions_that_somebody_else_has_written_are_left_out(
    browser: BrowserOf, console: Console, project: Project
) -> None:
    """Whoever may publish can write any key of a project."""
    project.publish(message("a"))
    console.actions().record("p", "pause", {"why": "noon"})
    for line in ("{", "[]", '{"at": "x"}', '{"at": 1, "action": 2, "who": [], "details": 3}', b"\xff"):
        project.client.lpush(project.keys.actions, line)
    viewer = browser(Role.VIEWER)

    assert "why noon" in viewer.text("/actions?project=p")
    assert "why noon" in viewer.text("/actions")
    assert "Every row is accounted for" in viewer.text("/projects/p")


def test_a_defect_has_a_page_and_its_text_reaches_no_log(
    browser: BrowserOf, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a-message-s-data")

    monkeypatch.setattr("prelabel_worker.operations.action_log.Actions.last", fail)
    project.publish(message("a"))
    with capture_logs() as logs:
        text = browser(Role.VIEWER).text("/actions?project=p", 500)

    assert "The rows are not affected" in text
    (event,) = [entry for entry in logs if entry["event"] == "console.defect"]
    assert (event["error"], event["path"]) == ("KeyError", "/actions")
    assert "a-message-s-data" not in str(logs)
