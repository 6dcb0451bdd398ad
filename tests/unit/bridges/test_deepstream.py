"""DeepStream's minimal and full schema."""

from typing import Any

import orjson

from prelabel.bridges.deepstream import FrameRows
from prelabel.bridges.feed import Delivery, deliver, message_id


def delivery(body: Any, at: int = 0) -> Delivery:
    return deliver(str(at), f"redis:s:{at}", at, orjson.dumps(body))


def full(sensor: str, timestamp: str, name: str = "person", **thing: Any) -> dict[str, Any]:
    box = {"topleftx": "10", "toplefty": 20, "bottomrightx": 30.5, "bottomrighty": 60}
    return {
        "@timestamp": timestamp, "sensor": {"id": sensor},
        "object": {"id": "7", "speed": 0.0, name: {"confidence": -0.1}, "bbox": box, "location": {"lat": 1}, **thing},
    }  # fmt: skip


def test_a_message_of_the_minimal_schema_is_one_row() -> None:
    objects = ["18|957|834|1150|918|Vehicle|#|sedan|Bugatti|M|blue|CA 444|California|0.8", "19|1|2|3|4|Person"]
    body = {"version": "4.0", "id": "252", "@timestamp": "t", "sensorId": "cam-1", "objects": objects}

    (row,) = FrameRows(1.0).add([delivery(body)])

    assert row.incoming is not None
    assert row.incoming.body == {
        "annotations": [
            {"name": "Vehicle", "bbox": {"left": 957, "top": 834, "width": 193, "height": 84}, "confidence": 0.8},
            {"name": "Person", "bbox": {"left": 1, "top": 2, "width": 2, "height": 2}},
        ]
    }
    assert row.incoming.record == {"sensor": "cam-1", "frame": "252", "timestamp": "t"}


def test_a_frame_without_objects_is_a_row_without_annotations() -> None:
    (row,) = FrameRows(1.0).add([delivery({"id": "1", "@timestamp": "t", "sensorId": "c", "objects": []})])

    assert row.incoming is not None
    assert row.incoming.body == {"annotations": []}


def test_a_frame_of_the_full_schema_ends_with_the_next_of_its_sensor_or_with_time() -> None:
    now = [0.0]
    rows = FrameRows(1.0, lambda: now[0])
    assert (
        rows.add([delivery(full("a", "1"), 0), delivery(full("b", "1"), 1), delivery(full("a", "1", "car"), 2)]) == []
    )

    (first,) = rows.add([delivery(full("a", "2"), 3)])
    now[0] = 0.5
    assert rows.rest(all_of_it=False) == []
    now[0] = 1.0
    rest = rows.rest(all_of_it=False)

    assert [each.token for each in first.deliveries] == [0, 2]
    assert first.incoming is not None
    assert [each["name"] for each in first.incoming.body["annotations"]] == ["person", "car"]
    assert first.incoming.body["annotations"][0] == {
        "name": "person", "bbox": {"left": 10.0, "top": 20, "width": 20.5, "height": 40}
    }  # fmt: skip
    assert [[each.token for each in row.deliveries] for row in rest] == [[1], [3]]


def test_messages_of_another_form_are_named_and_stop_no_other() -> None:
    bad = [
        {"objects": "x"},
        {"objects": ["1|2|3"]},
        {"objects": ["1|a|3|4|5|car"]},
        {"sensor": {"id": "a"}, "@timestamp": "1"},
        {**full("a", "1"), "sensor": {}},
        {**full("a", "1"), "object": {"bbox": {"topleftx": True}, "person": {}}},
        [],
        7,
    ]
    rows = FrameRows(1.0).add([delivery(body, at) for at, body in enumerate(bad)])

    assert [row.incoming for row in rows] == [None] * len(bad)
    assert all("expected" in row.problem for row in rows)


def test_ids_of_messages_are_short_and_the_same_for_every_delivery() -> None:
    assert message_id("kafka:t:0:7", 0) == "kafka:t:0:7"
    assert message_id("kafka:t:0:7", 1) == "kafka:t:0:7.1"
    long = message_id(f"redis:{'é' * 500}:1", 0)
    assert long == message_id(f"redis:{'é' * 500}:1", 0)
    assert len(long) < 200
    assert long.startswith("redis:")
