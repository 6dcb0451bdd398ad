"""A project set to ground truth: the same path to another root field, followed as what it was sent as."""

import json
import time
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel.wire import keys
from prelabel_worker.labelbox.types import ImportName, SubmitAs
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.imports import Imports, ImportStatus
from tests.support.command import command_of
from tests.support.project import Project, message
from tests.support.rig import MakeRig, Rig
from tests.support.sandbox.process import SandboxProcess, parsed
from tests.support.undoing import undo

TOOLS = {
    "tools": [{"tool": "rectangle", "name": "car"}, {"tool": "edge", "name": "tows"}],
    "classifications": [],
}
UUIDS = [f"5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e110{n}" for n in range(2)]


@pytest.fixture
def rig(make_rig: MakeRig, sandbox: SandboxProcess) -> Rig:
    found = make_rig()
    sandbox.project(found.project.id, TOOLS)
    found.warm()
    submit_as(found, "ground-truth")
    return found


def submit_as(rig: Rig, value: str) -> None:
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"submitAs": value})


def labels(rig: Rig) -> list[str]:
    """Return the data row of each annotation of ground truth."""
    answer = rig.sandbox.http.get(f"{rig.sandbox.url}/_sandbox/projects/{rig.project.id}/labels")
    return sorted(each["dataRow"]["globalKey"] for each in parsed(answer.content))


def latest(rig: Rig) -> ImportStatus:
    return next(Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id))


def label_creates(rig: Rig) -> int:
    log = rig.sandbox.control("GET", "/requests")
    return sum(each["operation"] == "createLabelImport" and each["projectId"] == rig.project.id for each in log)


def with_link(rig: Rig, key: str) -> Row:
    box = {"top": 1, "left": 1, "height": 3, "width": 4}
    link = {"source": UUIDS[0], "target": UUIDS[1], "type": "unidirectional"}
    annotations: list[dict[str, Any]] = [{"name": "car", "uuid": uuid, "bbox": box} for uuid in UUIDS]
    annotations.append({"name": "tows", "relationship": link})
    body = {"projectId": rig.project.id, "dataRow": {"globalKey": key}, "annotations": annotations}
    return Row(f"k:{key}", orjson.dumps(body), 0)


def test_rows_stand_as_ground_truth_and_not_as_pre_labels(rig: Rig) -> None:
    rig.publish("a", "b")
    status = rig.settle()

    assert status.imported == 3
    assert labels(rig) == ["a", "b"]
    assert rig.pre_labels() == ["warm"]
    assert latest(rig).submit_as == "ground-truth"
    assert latest(rig).name.startswith(f"prelabel-{latest(rig).chunk_id}-")


def test_a_running_import_is_followed_as_what_it_was_sent_as(rig: Rig) -> None:
    rig.fault("odd-state", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    submit_as(rig, "")
    rig.publish("b")
    rig.run(lambda: len(rig.chunks()) == 2, "another chunk")
    rig.fix()

    rig.settle()

    assert (labels(rig), rig.pre_labels()) == (["a"], ["b", "warm"])
    assert not rig.events("import.lost")


@pytest.mark.parametrize(("first", "then"), [("ground-truth", ""), ("", "ground-truth")])
def test_an_upload_without_an_answer_is_looked_up_as_what_it_was_sent_as(rig: Rig, first: str, then: str) -> None:
    submit_as(rig, first)
    creates = label_creates(rig) + rig.creates()
    rig.fault("accept-then-time-out", cut=True)
    rig.publish("a")
    rig.run(lambda: rig.chunks() and rig.fields()["state"] == "uncertain", "the upload's answer to be lost")
    submit_as(rig, then)
    rig.pass_time()

    assert rig.settle().imported == 2

    assert label_creates(rig) + rig.creates() == creates + 1
    assert len(rig.events("import.adopted")) == 1
    assert (labels(rig) == ["a"]) is (first == "ground-truth")


def test_a_relationship_is_refused_before_it_is_sent_and_its_neighbours_are_imported(rig: Rig) -> None:
    rig.publish("a")
    rig.project.publish(with_link(rig, "linked"))
    status = rig.settle()

    assert status.dead_reasons == {"pre-labels-only": 1}
    dead_letter = rig.dead_letter()
    assert dead_letter.details["path"] == "annotations[2].relationship"
    assert "ground truth" in dead_letter.details["expected"]
    assert labels(rig) == ["a"]

    submit_as(rig, "")
    rig.project.held.retry(rig.project.id, [dead_letter.id])
    assert rig.settle().imported == 3
    assert rig.pre_labels() == ["linked", "linked", "linked", "warm"]


def test_what_labelbox_refuses_is_bisected_like_pre_labels(rig: Rig) -> None:
    rig.fault("failed-import", seconds=60, match='"k2"')
    rig.publish(*(f"k{n}" for n in range(4)))

    status = rig.settle()

    assert (status.imported, status.dead_reasons) == (1 + 3, {"import-failed": 1})
    assert labels(rig) == ["k0", "k1", "k3"]


def test_imports_of_both_kinds_are_asked_for_in_one_question(rig: Rig) -> None:
    truth, pre_label = SubmitAs.GROUND_TRUTH, SubmitAs.PRE_LABELS
    rig.publish("a")
    rig.settle()
    names = [each.name for each in Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id)]
    asked = [ImportName(rig.project.id, name, each) for name in names for each in (truth, pre_label)]

    found = rig.context.account("").labelbox.find_imports(asked)

    assert [each.name if each else None for each in found] == [names[0], None, None, names[1]]


def test_ground_truth_cannot_be_undone(rig: Rig) -> None:
    rig.publish("a")
    rig.settle()

    action = undo(rig, latest(rig))

    assert action.result.skipped == 1
    assert "does not delete" in next(iter(action.why_skipped))
    assert labels(rig) == ["a"]
    assert rig.project.status().discarded == 0


# -- two releases side by side


def version(project: Project, chunk_id: str) -> bytes:
    return bytes(project.client.hget(f"{project.root}:chunk:{chunk_id}", "v"))


def release_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.chunks.ledger.KNOWN_VERSION", 1)


@pytest.mark.parametrize("set_first", [True, False])
@pytest.mark.parametrize("purpose", ["submit", "follow"])
def test_a_worker_of_the_previous_release_leaves_ground_truth_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, purpose: Literal["submit", "follow"], *, set_first: bool
) -> None:
    """A chunk gets the newer version when it is cut or, if the project is set later, when a worker takes it."""
    projects = Projects(project.client, project.settings.key_prefix)
    project.publish(message("a"))
    chunk_id = "" if set_first else project.cut()
    projects.override(project.id, {"submitAs": "ground-truth"})
    chunk_id = chunk_id or project.cut()
    if not set_first or purpose == "follow":
        chunk = project.take(chunk_id)
        if purpose == "follow":
            project.send(chunk)
            project.ledger.running(chunk, "import", 0)
        else:
            project.ledger.wait(chunk, 0, why="")
    assert version(project, chunk_id) == b"2"

    release_before(monkeypatch)

    assert project.ledger.take(project.id, chunk_id, purpose) is None
    assert project.status().pending == 1


def test_pre_labels_are_of_the_version_that_every_worker_knows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.publish(message("a"))
    chunk_id = project.cut()
    release_before(monkeypatch)

    assert version(project, chunk_id) == b"1"
    project.import_all(chunk_id)


def test_ground_truth_is_not_set_while_a_worker_of_the_previous_release_lives(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = command_of(project.settings, monkeypatch, tmp_path, capsys, "project", "set", project.id)
    presence = {"host": "h", "pid": 1, "version": "0.1.0", "concurrency": 1, "at": time.time()}
    workers, overrides = keys.workers(project.settings.key_prefix), f"{project.root}:overrides"
    project.client.hset(workers, "old", json.dumps(presence))

    assert command("--as", "ground-truth").code == 2
    assert project.client.hget(overrides, "submitAs") is None

    project.client.hset(workers, "old", json.dumps(presence | {"knows": 2}))
    assert command("--as", "ground-truth").code == 0
    assert project.client.hget(overrides, "submitAs") == b"ground-truth"
    refused = command("--as", "labels")
    assert refused.code == 2
    assert "ground-truth" in refused.err
