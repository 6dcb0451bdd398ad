"""Commands of an operator on a running stack: projects, imports and rows."""

import json

from prelabel_worker.queries.imports import Imports
from tests.support.flow import Flow, Run, box
from tests.support.waiting import wait_for


def test_a_paused_project_keeps_its_rows_until_it_is_resumed(flow: Flow, run: Run) -> None:
    flow.publish(box("first", project=flow.project))
    flow.settled()
    assert run("project", "pause", flow.project, "--why", "new ontology").returncode == 0
    flow.publish(box("a", project=flow.project))

    shown = json.loads(run("project", "show", flow.project, "--json").stdout)
    assert "new ontology" in shown["paused"]
    assert shown["pending"] == 1

    assert run("project", "resume", flow.project).returncode == 0
    assert flow.settled().imported == 2
    assert run("project", "resume", flow.project).returncode == 3
    actions = json.loads(run("actions", "--project", flow.project, "--json").stdout)["actions"]
    assert [each["action"] for each in actions] == ["resume", "pause"]


def test_overrides_are_in_effect_without_a_restart(flow: Flow, run: Run) -> None:
    done = run("project", "set", flow.project, "--chunk-rows", "10", "--linger-seconds", "0.5", "--priority", "3")
    assert "chunk-rows 10, linger-seconds 0.5, priority 3" in done.stderr

    for first in range(0, 100, 10):  # in small frames, since a frame is never cut
        flow.publish(*(box(f"k{n}", project=flow.project) for n in range(first, first + 10)))

    assert flow.settled().imported == 100
    settled = [item.rows for item in Imports(flow.client).settled(flow.project)]
    assert sum(settled) == 100
    assert max(settled) <= 10


def test_a_project_whose_account_has_no_key_pauses_and_says_so(flow: Flow, run: Run) -> None:
    run("project", "set", flow.project, "--account", "nobody")
    flow.publish(box("a", project=flow.project))
    wait_for(lambda: flow.status().paused is not None, "the project to be paused")

    assert "PRELABEL_ACCOUNT_KEYS of this worker has no key for account nobody" in (flow.status().paused or "")
    run("project", "set", flow.project, "--account", "default")
    run("project", "resume", flow.project)
    assert flow.settled().imported == 1


def test_flush_imports_what_waits_for_company(flow: Flow, run: Run) -> None:
    run("project", "set", flow.project, "--linger-seconds", "3600")
    flow.publish(box("a", project=flow.project))
    wait_for(lambda: flow.status().waiting == 1, "the row to wait")

    done = run("project", "flush", flow.project)

    assert "1 waiting row " in done.stderr
    assert flow.settled().imported == 1


def test_an_unknown_project_is_probably_misspelt(run: Run) -> None:
    for command in (["pause"], ["resume"], ["flush"], ["show"]):
        done = run("project", *command, "no-such-project")
        assert done.returncode == 3
        assert "no project no-such-project" in done.stderr
    assert run("project", "set", "some", "--chunk-rows", "none").returncode == 2


def test_an_import_and_its_rows_can_be_asked_for(flow: Flow, run: Run) -> None:
    flow.publish(
        box("good", project=flow.project, messageId="m-good"),
        box("bad", "vesel", project=flow.project, messageId="m-bad"),
        box("good", project=flow.project, messageId="m-newer"),
    )
    flow.settled()

    (listed,) = json.loads(run("import", "list", "--project", flow.project, "--json").stdout)["imports"]
    assert listed["outcomes"] == {"imported": 1, "unknown-feature": 1, "superseded": 1}
    assert (listed["verdict"], listed["annotations"], listed["refusedAnnotations"]) == ("FINISHED", 1, 0)
    for name in (listed["name"], listed["chunk"], listed["importId"]):
        assert json.loads(run("import", "show", name, "--json").stdout) == listed
    assert listed["name"] in run("import", "show", listed["chunk"]).stdout

    (found,) = json.loads(run("row", "show", "good", "--project", flow.project, "--json").stdout)["rows"]
    assert sorted(each["outcome"] for each in found["settled"]) == ["imported", "superseded"]
    (found,) = json.loads(run("row", "show", "m-bad", "--json").stdout)["rows"]
    assert [dead_letter["reason"] for dead_letter in found["deadLetters"]] == ["unknown-feature"]
    assert "dead letter: unknown-feature" in run("row", "show", "bad", "--project", flow.project).stdout
    assert run("row", "show", "nobody").returncode == 3
    assert run("import", "show", "nothing").returncode == 3


def test_a_project_that_skips_imports_each_row_of_a_model_once(flow: Flow, run: Run) -> None:
    assert run("project", "set", flow.project, "--policy", "skip").returncode == 0
    flow.publish(box("a", project=flow.project, left=2))
    flow.settled()

    flow.publish(box("a", project=flow.project, left=9), box("a", project=flow.project, left=5, model="other"))

    status = flow.settled()
    assert (status.imported, status.skipped) == (2, 1)
    assert sorted(line["bbox"]["left"] for line in flow.pre_labels()) == [2, 5]


def test_a_project_may_make_dead_letters_of_rows_imported_before(flow: Flow, run: Run) -> None:
    run("project", "set", flow.project, "--policy", "dead-letter")
    flow.publish(box("a", project=flow.project, left=2))
    flow.settled()
    flow.publish(box("a", project=flow.project, left=9))

    assert flow.settled().dead_reasons == {"existing": 1}

    run("project", "set", flow.project, "--policy", "override")
    run("dead", "retry", "--project", flow.project, "--reason", "existing")
    assert flow.settled().imported == 2
    assert [line["bbox"]["left"] for line in flow.pre_labels()] == [9]
