"""A message without annotations imports nothing; it supersedes and orders like any other message of its data row."""

from typing import Any

import orjson

from prelabel.publishing.buffer import Row
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.queries.row_timeline import timeline
from prelabel_worker.queries.row_trace import Tracer
from tests.support.rig import MakeRig, Rig


def row(rig: Rig, key: str, *names: str) -> Row:
    box = {"top": 1, "left": 1, "height": 3, "width": 4}
    message: dict[str, Any] = {
        "projectId": rig.project.id,
        "dataRow": {"globalKey": key},
        "annotations": [{"name": name, "bbox": box} for name in names],
    }
    return Row(f"k:{key}", orjson.dumps(message), 0)


def held(rig: Rig) -> HeldRows:
    return HeldRows(rig.client, rig.settings.key_prefix)


def test_messages_without_annotations_are_counted_as_skipped_and_need_no_import(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.project.publish(row(rig, "a"), row(rig, "b"))

    status = rig.settle()

    assert (status.published, status.skipped, status.imported, status.dead) == (2, 2, 0, 0)
    assert rig.creates() == 0
    events = timeline(Tracer(rig.client, rig.settings.key_prefix).trace(rig.project.id, "a"))
    assert [(event.what, event.detail) for event in events][-1] == ("skipped", "no-annotations")


def test_a_dead_letter_is_superseded_by_a_newer_message_without_annotations(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.project.publish(row(rig, "a", "unheard of"), row(rig, "b", "unheard of"))
    rig.settle()
    rig.project.publish(row(rig, "a"))
    rig.settle()

    superseded = {letter.data_row: letter.superseded for letter in held(rig).dead_letters(rig.project.id)}
    assert superseded == {"k:a": True, "k:b": False}


def test_a_row_that_dies_in_the_chunk_of_a_newer_message_without_annotations_is_superseded(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.project.publish(row(rig, "a", "unheard of"), row(rig, "b", "unheard of"), row(rig, "a"), row(rig, "c", "car"))
    rig.settle()

    superseded = {letter.data_row: letter.superseded for letter in held(rig).dead_letters(rig.project.id)}
    assert superseded == {"k:a": True, "k:b": False}
    assert rig.pre_labels() == ["c"]


def test_a_retrying_row_is_superseded_by_a_newer_message_without_annotations(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.sandbox.project(rig.project.id, {"tools": [{"tool": "rectangle", "name": "car"}]}, rows=["b"])
    rig.project.publish(row(rig, "a", "car"))
    rig.run(lambda: held(rig).states(rig.project.id, ["1"]), "the row to be retried")
    rig.project.publish(row(rig, "a"))

    status = rig.settle()

    assert (status.superseded, status.skipped, status.dead) == (1, 1, 0)
