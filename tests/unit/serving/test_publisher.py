"""A serving publisher never fails a request: what is wrong is counted and logged."""

import asyncio
import logging
import os
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from prelabel import BufferFull, Publisher, PublisherClosed, RedisUnavailable
from prelabel.serving import Counts, ServingPublisher
from prelabel.testing import RecordingPublisher, recording_publisher

BOX = {"name": "car", "bbox": {"left": 1, "top": 1, "width": 2, "height": 2}}


def message(key: str = "a", **more: Any) -> dict[str, Any]:
    return {"projectId": "p", "dataRow": {"globalKey": key}, "annotations": [BOX], **more}


@pytest.fixture
def recorder() -> Iterator[RecordingPublisher]:
    with recording_publisher() as publisher:
        yield publisher


@pytest.fixture
def predictions(recorder: RecordingPublisher) -> ServingPublisher:
    return ServingPublisher(recorder)


def test_what_is_accepted_is_published_and_counted(predictions: ServingPublisher, recorder: RecordingPublisher) -> None:
    message_id = predictions.publish(message())

    assert recorder.published("p")[0].message_id == message_id
    assert predictions.counts == Counts(1, 0, 0, 0)


def test_a_wrong_message_is_counted_and_logged_with_its_field_and_not_raised(
    predictions: ServingPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    assert predictions.publish(message(annotations=[{"name": "car", "bbox": {"left": "1"}}])) == ""

    assert predictions.counts.refused == 1
    assert "annotations[0].bbox" in caplog.text


@pytest.mark.parametrize(("error", "counts"), [(BufferFull, Counts(0, 0, 3, 0)), (PublisherClosed, Counts(0, 0, 0, 3))])
def test_trouble_is_counted_each_time_and_logged_once(
    predictions: ServingPublisher, recorder: RecordingPublisher, caplog: pytest.LogCaptureFixture,
    error: Any, counts: Counts,
) -> None:  # fmt: skip
    recorder.fail_with = error

    assert [predictions.publish(message()) for _ in range(3)] == ["", "", ""]

    assert predictions.counts == counts
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING


def test_an_error_of_the_function_that_makes_messages_is_no_error_of_the_request(
    predictions: ServingPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    @predictions.publishes(lambda result, *args: {}["no such key"])
    def detect(image: str) -> str:
        return f"boxes of {image}"

    assert detect("a.jpg") == "boxes of a.jpg"
    assert predictions.counts.failed == 1
    assert "KeyError" in caplog.text


def test_a_decorated_handler_publishes_what_is_made_of_its_result_and_arguments(
    predictions: ServingPublisher, recorder: RecordingPublisher
) -> None:
    class Model:
        @predictions.publishes(lambda result, model, keys: [message(key) for key in keys])
        def detect(self, keys: list[str]) -> int:
            """Detect."""
            return len(keys)

    assert Model().detect(["a", "b"]) == 2
    assert Model.detect.__doc__ == "Detect."
    recorder.assert_published("p", data_row="a", count=1)
    recorder.assert_published("p", data_row="b", count=1)


def test_a_decorated_coroutine_stays_one(predictions: ServingPublisher, recorder: RecordingPublisher) -> None:
    @predictions.publishes(lambda result, key: message(key) if result else None)
    async def detect(key: str) -> bool:
        await asyncio.sleep(0)
        return key != "empty"

    assert asyncio.iscoroutinefunction(detect)
    assert asyncio.run(detect("a")) is True
    assert asyncio.run(detect("empty")) is False
    assert len(recorder.published()) == 1


def test_an_error_of_the_handler_is_raised_and_publishes_nothing(
    predictions: ServingPublisher, recorder: RecordingPublisher
) -> None:
    @predictions.publishes(lambda result: message())
    def detect() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        detect()
    recorder.assert_nothing_published()


def test_a_handler_that_yields_is_refused_when_it_is_decorated(predictions: ServingPublisher) -> None:
    with pytest.raises(TypeError, match="expected a handler that returns, found one that yields: call publish in it"):

        @predictions.publishes(lambda result: None)
        def stream() -> Iterator[int]:
            yield 1


def test_rows_lost_at_the_end_are_logged_and_not_raised(
    predictions: ServingPublisher, recorder: RecordingPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.fail_with = RedisUnavailable("2 rows still waiting for Redis")

    predictions.close()

    assert "2 rows still waiting" in caplog.text


def test_an_option_that_is_wrong_ends_the_server_at_its_start() -> None:
    with pytest.raises(ValueError, match="max_rows: expected a whole number"):
        ServingPublisher(redis_url="unix:///nowhere", max_rows=0)
    with pytest.raises(ValueError, match="expected a publisher or options, found both: max_rows"):
        ServingPublisher(RecordingPublisher(), max_rows=1)


def test_a_full_buffer_with_redis_away_neither_waits_nor_raises() -> None:
    predictions = ServingPublisher(redis_url="unix:///nowhere", max_rows=2)

    for at in range(5):
        predictions.publish(message(str(at)))

    assert predictions.counts == Counts(2, 0, 3, 0)
    predictions.close(0)


def test_a_pickled_or_forked_one_counts_for_its_own_process() -> None:
    predictions = ServingPublisher(redis_url="unix:///nowhere", max_rows=2)
    predictions.publish(message())

    copy = pickle.loads(pickle.dumps(predictions))
    assert copy.counts == Counts(0, 0, 0, 0)
    child = os.fork()
    if child == 0:
        os._exit(predictions.counts.accepted)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert predictions.counts.accepted == 1
    predictions.close(0)
    copy.close(0)


def test_of_a_publisher_s_own_default_nothing_is_left_that_waits() -> None:
    predictions = ServingPublisher(redis_url="unix:///nowhere")
    publisher = predictions._publisher
    assert isinstance(publisher, Publisher)
    assert publisher._core.wait_seconds == 0
    predictions.close(0)
