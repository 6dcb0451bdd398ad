"""What Labelbox keeps of an older message when a newer one has less is named by uuid when somebody asks."""

import uuid
from typing import Any

import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel_worker.chunks.annotation_counts import Leftovers
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.row_trace import Tracer
from tests.support.rig import MakeRig, Rig
from tests.support.sandbox.process import SandboxProcess
from tests.support.undoing import undo

ONTOLOGY = {"tools": [{"tool": "rectangle", "name": name} for name in ("car", "dog")], "classifications": []}


@pytest.fixture
def rig(make_rig: MakeRig, sandbox: SandboxProcess) -> Rig:
    found = make_rig()
    sandbox.project(found.project.id, ONTOLOGY)
    return found


def publish(rig: Rig, key: str, *names: str, model: str = "m", uuids: bool = False, left: int = 1) -> None:
    """Import a message with a box of each of these names."""
    body = message(rig, key, *names, model=model, uuids=uuids, left=left)
    rig.project.publish(Row(f"k:{key}", orjson.dumps(body), 0))
    rig.settle()


def message(rig: Rig, key: str, *names: str, model: str = "m", uuids: bool = False, left: int = 1) -> dict[str, Any]:
    box = {"top": 1, "left": left, "height": 3, "width": 4}
    annotations: list[dict[str, Any]] = [{"name": name, "bbox": box} for name in names]
    if uuids:
        annotations = [each | {"uuid": str(uuid.uuid4())} for each in annotations]
    return {
        "projectId": rig.project.id,
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": annotations,
    }


def named(rig: Rig, key: str) -> list[Leftovers]:
    return Tracer(rig.client, rig.settings.key_prefix).trace(rig.project.id, key).leftovers


def pre_labels(rig: Rig) -> set[str]:
    return {each["uuid"] for each in rig.sandbox.pre_labels(rig.project.id)}


def test_pre_labels_that_a_newer_message_leaves_over_are_named(rig: Rig) -> None:
    publish(rig, "b", "car", "dog", "dog")
    untouched = pre_labels(rig)
    publish(rig, "a", "car", "car", "car", "dog")
    publish(rig, "a", "car", "car", "dog", "dog")
    first = pre_labels(rig) - untouched
    publish(rig, "c", "car")

    (left,) = named(rig, "a")
    assert len(left.uuids) == 1
    assert set(left.uuids) < first
    assert left.unnamed == 0
    assert named(rig, "b") == named(rig, "c") == []


def test_leftovers_are_exactly_the_pre_labels_that_labelbox_has_beyond_the_last_message(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "dog")
    older = {each["uuid"]: each for each in rig.sandbox.pre_labels(rig.project.id)}
    publish(rig, "a", "car", left=2)

    (left,) = named(rig, "a")

    now = {each["uuid"]: each for each in rig.sandbox.pre_labels(rig.project.id)}
    assert set(left.uuids) == {key for key in older if now[key] == older[key]}
    assert len(left.uuids) == 2


def test_a_message_without_annotations_leaves_all_that_its_model_had(rig: Rig) -> None:
    publish(rig, "a", "car", "dog")
    of_model = pre_labels(rig)
    publish(rig, "a", "car", model="other")
    publish(rig, "b", "car")
    publish(rig, "a")

    (left,) = named(rig, "a")
    assert (left.model, set(left.uuids), left.unnamed) == ("m", of_model, 0)
    assert named(rig, "b") == []

    publish(rig, "a", "car", "dog")
    assert named(rig, "a") == []


def test_messages_without_annotations_are_found_beside_the_rows_of_their_import(rig: Rig) -> None:
    for key, names in (("a", ["car", "dog"]), ("b", ["dog"])):
        publish(rig, key, *names)
    for key, names in (("a", []), ("c", ["car"]), ("b", [])):
        rig.project.publish(Row(f"k:{key}", orjson.dumps(message(rig, key, *names)), 0))
    rig.settle()

    assert [len(left.uuids) for key in ("a", "b", "c") for left in named(rig, key)] == [2, 1]
    assert rig.status().skipped == 2
    newest = Tracer(rig.client, rig.settings.key_prefix).trace(rig.project.id, "a").settled[0]
    assert newest.row.outcome == "no-annotations"


def test_an_equal_message_or_one_with_more_leaves_nothing(rig: Rig) -> None:
    publish(rig, "a", "car", "dog")
    publish(rig, "a", "dog", "car")
    publish(rig, "a", "car", "dog", "dog")

    assert named(rig, "a") == []


def test_leftovers_are_named_until_a_message_overrides_them(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "car")
    publish(rig, "a", "car")
    publish(rig, "a", "car")
    publish(rig, "a", "car", "car")

    assert [len(each.uuids) for each in named(rig, "a")] == [1]

    publish(rig, "a", "car", "car", "car")
    assert named(rig, "a") == []


def test_two_models_stand_side_by_side(rig: Rig) -> None:
    publish(rig, "a", "car", "car", model="yolo")
    publish(rig, "a", "car", model="sam")
    assert named(rig, "a") == []

    publish(rig, "a", "car", model="yolo")
    assert [(each.model, len(each.uuids)) for each in named(rig, "a")] == [("yolo", 1)]


def test_with_uuids_from_the_producer_the_minimum_number_of_leftovers_is_reported(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "car", uuids=True)
    publish(rig, "a", "car", uuids=True)

    assert named(rig, "a") == [Leftovers("m", [], 2)]


def test_leftovers_of_a_project_with_a_policy_are_named_too(rig: Rig) -> None:
    publish(rig, "a", "car", "car")
    rig.project.client.hset(rig.project.keys.overrides, "policy", "skip")
    publish(rig, "b", "car")
    rig.project.client.hdel(rig.project.keys.overrides, "policy")
    publish(rig, "a", "car")

    assert [len(each.uuids) for each in named(rig, "a")] == [1]


def test_after_an_undo_what_is_named_is_what_labelbox_still_has(rig: Rig) -> None:
    publish(rig, "a", "car", "car", "car")
    publish(rig, "a", "car", "car")
    (latest, *_) = Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id)
    undo(rig, latest)
    assert named(rig, "a") == []

    publish(rig, "a", "car")

    (left,) = named(rig, "a")
    assert set(left.uuids) < pre_labels(rig)
    assert len(left.uuids) == len(pre_labels(rig)) - 1 == 1
