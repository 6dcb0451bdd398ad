"""Publishers with a mapping: what `publish` accepts, in which projects it arrives, and which id it returns."""

import asyncio
import pickle
from typing import Any

import pytest
from labelbox import types as lb

from prelabel import AsyncPublisher, GlobalKey, MessageError, PredictionMessage, Publisher
from prelabel.errors import InvalidAnnotation
from prelabel.mapping import PredictionMapping
from prelabel.mapping.file import mapping_of
from prelabel.testing import (
    AsyncRecordingPublisher,
    RecordingPublisher,
    async_recording_publisher,
    recording_publisher,
)

BOX = {"name": "cat", "confidence": 0.4, "bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
MESSAGE = {"dataRow": {"globalKey": "k"}, "annotations": [BOX]}


def mapping(**table: Any) -> PredictionMapping:
    return mapping_of({"project": "p", "model": "m", "classes": {"cat": "Cat"}, **table})


@pytest.mark.parametrize("form", [dict, list, str])
def test_a_message_is_mapped_in_each_form_in_which_it_can_be_published(form: Any) -> None:
    import orjson

    message: Any = MESSAGE
    if form is str:
        message = orjson.dumps(MESSAGE)
    elif form is list:
        message = PredictionMessage(project_id="p", data_row=GlobalKey("k"), annotations=[BOX])

    with recording_publisher(mapping=mapping()) as publisher:
        message_id = publisher.publish(message)

    (sent,) = publisher.assert_published("p", data_row="k", model="m")
    assert (sent.message_id, sent.annotations[0].name) == (message_id, "Cat")  # type: ignore[union-attr]


def test_a_label_is_mapped_and_routed() -> None:
    label = lb.Label(
        data={"global_key": "k"},  # type: ignore[arg-type]
        annotations=[
            lb.ObjectAnnotation(name="cat", value=lb.Rectangle(start=lb.Point(x=1, y=2), end=lb.Point(x=4, y=6)))
        ],
    )

    with recording_publisher(mapping=mapping(routes=[{"projects": ["a", "b"]}])) as publisher:
        publisher.publish(label)
        publisher.publish(label, project_id="own", model="other")

    assert [(each.project_id, each.model and each.model.name) for each in publisher.published()] == [
        ("a", "m"), ("b", "m"), ("own", "other"),
    ]  # fmt: skip
    assert {each.annotations[0].name for each in publisher.published()} == {"Cat"}  # type: ignore[union-attr]


def test_a_row_for_two_projects_has_one_id_and_a_row_that_is_left_out_has_none() -> None:
    routes = [{"below": 0.5, "projects": ["a", "b"]}, {"leave_out": True}]

    with recording_publisher(mapping=mapping(routes=routes)) as publisher:
        both = publisher.publish(MESSAGE)
        none = publisher.publish({"dataRow": {"globalKey": "k"}, "annotations": [{**BOX, "confidence": 0.9}]})

    assert [(each.project_id, each.message_id) for each in publisher.published()] == [("a", both), ("b", both)]
    assert (none, publisher.unflushed) == ("", 0)


def test_the_output_of_a_model_is_published_as_it_is() -> None:
    output = {"box": "boxes", "box_format": "xyxy", "class": "cat"}

    with recording_publisher(mapping=mapping(output=output, global_key="{body.file}")) as publisher:
        publisher.publish({"file": "cam/1.jpg", "boxes": [[1, 2, 3, 4]]})

    publisher.assert_published("p", data_row="cam/1.jpg", count=1)


def test_one_wrong_message_of_a_row_for_two_projects_keeps_both_back() -> None:
    with recording_publisher(mapping=mapping(routes=[{"projects": ["good", "not good"]}])) as publisher:
        with pytest.raises(MessageError):
            publisher.publish(MESSAGE)
        publisher.assert_nothing_published()


@pytest.mark.parametrize("message", [b"{", b"\xff", {"annotations": [{"name": "cat", "bbox": 3}]}])
def test_a_message_that_is_wrong_is_refused_as_without_a_mapping(message: Any) -> None:
    errors = []
    for used in (None, PredictionMapping()):
        with recording_publisher(mapping=used) as publisher, pytest.raises(MessageError) as caught:
            publisher.publish(message)
        errors.append(str(caught.value))

    assert errors[0] == errors[1]


def test_a_class_that_is_refused_is_named() -> None:
    with recording_publisher(mapping=mapping(unmapped="refuse")) as publisher, pytest.raises(InvalidAnnotation):
        publisher.publish({"dataRow": {"globalKey": "k"}, "annotations": [{**BOX, "name": "dog"}]})


def test_the_same_can_be_awaited() -> None:
    async def main() -> None:
        async with async_recording_publisher(mapping=mapping()) as publisher:
            await publisher.publish(MESSAGE)
        publisher.assert_published("p", count=1)

    asyncio.run(main())


@pytest.mark.parametrize("publisher", [Publisher, AsyncPublisher, RecordingPublisher, AsyncRecordingPublisher])
def test_a_path_is_no_mapping(publisher: Any) -> None:
    with pytest.raises(ValueError, match="mapping: expected a mapping of predictions, such as read_mapping"):
        publisher(mapping="mapping.toml", **({} if hasattr(publisher, "published") else {"redis_url": "redis://x"}))


def test_a_mapping_can_be_sent_to_a_process_that_is_spawned() -> None:
    used = mapping(output={"box": "boxes", "box_format": "xyxy", "class": "cat"}, global_key="{record.key}")
    used.leave_out("counted here")

    copy = pickle.loads(pickle.dumps(used))

    assert copy.apply({"boxes": [[1, 2, 3, 4]]}, key="k") == used.apply({"boxes": [[1, 2, 3, 4]]}, key="k")
    assert not copy.left_out
