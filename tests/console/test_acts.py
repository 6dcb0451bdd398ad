"""What operators do: carried out, recorded with who did it, and refused where it cannot be."""

from collections.abc import Callable

import pytest

from prelabel_console.access.roles import Role
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.operations.action_log import Action, Actions
from prelabel_worker.operations.overrides import shown
from prelabel_worker.presence import Presence, announce, new_identity
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.status import Inspector
from tests.support.console.browsing import Browser, words_of
from tests.support.project import Project, message
from tests.support.rig import Rig

BrowserOf = Callable[..., Browser]


@pytest.fixture
def waiting(project: Project) -> Project:
    """A project with two waiting rows."""
    project.publish(message("a"), message("b"))
    return project


def last(project: Project) -> Action:
    return Actions(project.client, project.settings.key_prefix).last(project.id)[0]


def test_a_project_is_paused_and_resumed(browser: BrowserOf, waiting: Project) -> None:
    operator = browser(Role.OPERATOR)

    said = operator.act("/projects/p/pause", {"why": "new ontology", "for": "1800"})

    assert "p is paused" in said
    assert waiting.status().paused == "by operator: new ontology"
    assert waiting.status().paused_until is not None
    assert (last(waiting).who, last(waiting).action) == ("operator", "pause")
    assert last(waiting).details == {"why": "new ontology", "pauseSeconds": 1800.0}

    assert "p is resumed" in operator.act("/projects/p/resume")
    assert waiting.status().paused is None
    assert "was not paused any more" in operator.act("/projects/p/resume")


def test_what_an_act_says_is_shown_once(browser: BrowserOf, waiting: Project) -> None:
    operator = browser(Role.OPERATOR)

    assert "p is paused" in operator.act("/projects/p/pause", {"for": ""})
    assert "p is paused" not in operator.text("/projects/p")


def test_a_duration_that_the_form_does_not_have_is_refused(browser: BrowserOf, waiting: Project) -> None:
    operator = browser(Role.OPERATOR)
    answer = operator.post("/projects/p/pause", {"for": "1e99"}, origin=operator.address)

    assert answer.status_code == 422
    assert waiting.status().paused is None


def test_waiting_rows_are_flushed(browser: BrowserOf, make_project: Callable[..., Project]) -> None:
    project = make_project(linger_seconds=3600)
    project.publish(message("a"), message("b"))

    assert "cutting 2 waiting rows of p into chunks now" in browser(Role.OPERATOR).act("/projects/p/flush")
    assert project.ledger.cut_chunk("p") is not None
    assert last(project).details == {"rows": 2}


def test_retrying_rows_are_tried_now(with_key: BrowserOf, rig: Rig) -> None:
    rig.sandbox.project(
        rig.project.id, {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}, rows=["there"]
    )
    rig.publish("missing")
    rig.run(lambda: rig.status().retrying == 1, "a retrying row")
    operator = with_key(Role.OPERATOR)

    page = operator.text(f"/projects/{rig.project.id}")
    assert "The next of 1 row." in page
    assert "data-row-not-found" in page
    assert "trying 1 row of" in operator.act(f"/projects/{rig.project.id}/retry")
    assert "no row of" in operator.act(f"/projects/{rig.project.id}/retry") or rig.status().retrying_queued == 1
    assert last(rig.project).action == "retry"


def test_overrides_are_set_and_removed(browser: BrowserOf, waiting: Project) -> None:
    admin = browser(Role.ADMIN)

    admin.act("/projects/p/set", {"chunk-rows": "500", "linger-seconds": "2.5", "policy": ""})
    inspector = Inspector(waiting.client, waiting.settings.key_prefix)
    assert shown(inspector.overrides("p")) == {"chunk-rows": "500", "linger-seconds": "2.5"}
    assert last(waiting).details == {"chunk-rows": "500", "linger-seconds": "2.5"}

    admin.act("/projects/p/set", {"chunk-rows": "", "linger-seconds": "2.5"})
    assert shown(inspector.overrides("p")) == {"linger-seconds": "2.5"}
    assert "nothing was changed" in admin.act("/projects/p/set", {"linger-seconds": "2.5"})


def test_a_value_that_an_override_does_not_accept_is_refused_with_what_is_expected(
    browser: BrowserOf, waiting: Project
) -> None:
    admin = browser(Role.ADMIN)
    answer = admin.post("/projects/p/set", {"chunk-rows": "-1", "priority": "5"}, origin=admin.address)

    assert answer.status_code == 422
    assert "chunk-rows: expected a whole number from 1 to 100,000, or default" in words_of(answer.text)
    assert Inspector(waiting.client, waiting.settings.key_prefix).overrides("p") == {}


def test_ground_truth_is_refused_while_an_older_worker_is_alive(browser: BrowserOf, waiting: Project) -> None:
    presence = Presence("host", 7, "0.1", 1, name="old@host", knows=1)
    announce(waiting.client, waiting.settings.key_prefix, new_identity(), presence)
    admin = browser(Role.ADMIN)

    answer = admin.post("/projects/p/set", {"as": "ground-truth"}, origin=admin.address)

    assert answer.status_code == 422
    assert "old@host" in answer.text


def test_an_account_is_paused_and_resumed(browser: BrowserOf, waiting: Project) -> None:
    operator = browser(Role.OPERATOR)

    operator.act("/accounts/default/pause", {"why": "key is changed", "for": ""})
    (stop,) = Accounts(waiting.client, waiting.settings).stops("default")
    assert (stop.kind, stop.why) == ("paused", "by operator: key is changed")
    assert "account default is resumed" in operator.act("/accounts/default/resume")
    assert "was not stopped any more" in operator.act("/accounts/default/resume")
    log = Actions(waiting.client, waiting.settings.key_prefix).last_with_accounts()
    assert [(action.who, action.action) for action in log] == [
        ("operator", "account-resume"),
        ("operator", "account-pause"),
    ]


def test_an_account_that_nobody_names_cannot_be_paused(browser: BrowserOf, waiting: Project) -> None:
    operator = browser(Role.OPERATOR)

    assert operator.post("/accounts/unknown/pause", {"for": ""}, origin=operator.address).status_code == 404
    assert not waiting.client.exists(f"{waiting.settings.key_prefix}:account:{{unknown}}")


def imported(rig: Rig) -> ImportStatus:
    """Import two rows and return their import."""
    rig.publish("a", "b")
    rig.settle()
    return next(Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id))


def test_an_import_is_undone_after_its_word_was_typed(with_key: BrowserOf, rig: Rig) -> None:
    status = imported(rig)
    admin = with_key(Role.ADMIN)
    path = f"/projects/{rig.project.id}/imports/{status.chunk_id}/undo"

    assert "2 imported rows will count as discarded" in admin.text(path)
    refused = admin.post(path, {"confirm": "yes"}, origin=admin.address)
    assert refused.status_code == 422
    assert rig.pre_labels() == ["a", "b"]

    assert "2 rows of" in admin.act(path, {"confirm": "undo"})

    assert rig.pre_labels() == []
    assert (rig.status().imported, rig.status().discarded) == (0, 2)
    assert (last(rig.project).who, last(rig.project).action) == ("admin", "undo")


def test_the_second_who_undoes_an_import_is_told_that_it_is_done(with_key: BrowserOf, rig: Rig) -> None:
    status = imported(rig)
    one, other = with_key(Role.ADMIN), with_key(Role.ADMIN)
    path = f"/projects/{rig.project.id}/imports/{status.chunk_id}/undo"
    one.act(path, {"confirm": "undo"})

    answer = other.post(path, {"confirm": "undo"}, origin=other.address)

    assert answer.status_code == 409
    assert "somebody has undone it" in answer.text


def test_an_undo_that_labelbox_refuses_can_be_finished(with_key: BrowserOf, rig: Rig) -> None:
    status = imported(rig)
    admin = with_key(Role.ADMIN)
    path = f"/projects/{rig.project.id}/imports/{status.chunk_id}/undo"
    rig.sandbox.control("POST", "/faults", {"fault": "status", "status": 401, "times": 3})

    answer = admin.post(path, {"confirm": "undo"}, origin=admin.address)

    assert answer.status_code == 409
    assert "undo the import again to finish" in answer.text
    rig.fix()
    assert "2 rows of" in admin.act(path, {"confirm": "undo"})


def test_without_a_key_the_console_says_who_can_undo(browser: BrowserOf, rig: Rig) -> None:
    status = imported(rig)
    admin = browser(Role.ADMIN)
    path = f"/projects/{rig.project.id}/imports/{status.chunk_id}/undo"

    answer = admin.post(path, {"confirm": "undo"}, origin=admin.address)

    assert answer.status_code == 422
    assert "prelabel import undo" in words_of(answer.text)
    assert rig.pre_labels() == ["a", "b"]
