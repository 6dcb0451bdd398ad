"""The recording publishers: what users write their unit tests with."""

import asyncio
import inspect

import pytest

from prelabel import (
    AsyncPublisher,
    BufferFull,
    DataRowId,
    GlobalKey,
    InvalidAnnotation,
    MessageTooLarge,
    Model,
    Point,
    PredictionMessage,
    Publisher,
    PublisherClosed,
    RedisUnavailable,
)
from prelabel.testing import (
    AsyncRecordingPublisher,
    RecordingPublisher,
    async_recording_publisher,
    recording_publisher,
)


def prediction(key: str, project: str = "harbour", model: str = "yolo") -> PredictionMessage:
    return PredictionMessage(
        project_id=project, data_row=GlobalKey(key), model=Model(model), annotations=[Point("buoy", x=1, y=2)]
    )


def my_code(publisher: Publisher) -> None:
    publisher.publish(prediction("a.jpg"))
    publisher.publish({"projectId": "harbour", "dataRow": {"id": "c1"}, "annotations": [{"name": "r", "answer": "x"}]})
    publisher.publish(prediction("b.jpg", "quay", "detr"))


def test_published_messages_can_be_compared_with_typed_ones() -> None:
    with recording_publisher() as publisher:
        my_code(publisher)

    first, second = publisher.published("harbour")
    assert first.data_row == GlobalKey("a.jpg")
    assert first.model == Model("yolo")
    assert first.annotations == [Point("buoy", x=1, y=2)]
    assert first.message_id is not None
    assert second.data_row == DataRowId("c1")
    assert len(publisher.published()) == 3


def test_messages_are_refused_as_by_the_real_publisher() -> None:
    with recording_publisher(max_bytes=300) as publisher:
        with pytest.raises(InvalidAnnotation, match=r"annotations\[0\]\.point\.x: expected"):
            publisher.publish(
                {"projectId": "p", "dataRow": {"id": "a"}, "annotations": [{"name": "b", "point": {"x": "1", "y": 2}}]}
            )
        with pytest.raises(MessageTooLarge):
            publisher.publish(prediction("a" * 199))
    with pytest.raises(PublisherClosed):
        publisher.publish(prediction("a"))
    publisher.assert_nothing_published()


def test_assertions_answer_with_what_fits() -> None:
    with recording_publisher() as publisher:
        my_code(publisher)

    (found,) = publisher.assert_published("harbour", data_row="a.jpg", model="yolo")
    assert found.data_row == GlobalKey("a.jpg")
    assert len(publisher.assert_published("harbour", count=2)) == 2
    assert publisher.assert_published(data_row=DataRowId("c1"), count=1)
    publisher.assert_nothing_published("another")


def test_failed_assertions_say_what_was_published_instead() -> None:
    with recording_publisher() as publisher:
        my_code(publisher)

    with pytest.raises(AssertionError, match=r"'z\.jpg'.*found 0; published were:\n  harbour: a\.jpg by yolo, 1 anno"):
        publisher.assert_published("harbour", data_row="z.jpg")
    with pytest.raises(AssertionError, match="expected 5 messages for anything, found 3"):
        publisher.assert_published(count=5)
    with pytest.raises(AssertionError, match=r"expected no message, published were:\n  quay: b\.jpg"):
        publisher.assert_nothing_published("quay")


def test_trouble_can_be_simulated() -> None:
    with recording_publisher(fail_with=BufferFull) as publisher:
        with pytest.raises(BufferFull):
            publisher.publish(prediction("a"))
        publisher.fail_with = RedisUnavailable("1 row still waiting")
        publisher.publish(prediction("a"))
        with pytest.raises(RedisUnavailable, match="1 row"):
            publisher.flush(1)
        assert publisher.unflushed == 1
        publisher.fail_with = None
        publisher.flush()
        assert publisher.unflushed == 0


def test_the_same_can_be_awaited() -> None:
    async def main() -> AsyncRecordingPublisher:
        async with async_recording_publisher() as publisher:
            assert isinstance(publisher, AsyncPublisher)
            await publisher.publish(prediction("a"))
            await publisher.flush()
            publisher.fail_with = BufferFull
            with pytest.raises(BufferFull):
                await publisher.publish(prediction("b"))
        return publisher

    asyncio.run(main()).assert_published("harbour", data_row="a", count=1)


@pytest.mark.parametrize(
    ("real", "recording"), [(Publisher, RecordingPublisher), (AsyncPublisher, AsyncRecordingPublisher)]
)
def test_a_recording_publisher_replaces_everything_that_is_public(real: type, recording: type) -> None:
    public = [name for name in vars(real) if not name.startswith("_")]

    assert public
    for name in public:
        assert name in vars(recording)
        if inspect.isfunction(getattr(real, name)):
            assert inspect.signature(getattr(real, name)) == inspect.signature(getattr(recording, name))
