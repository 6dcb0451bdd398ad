"""Plain messages: the fast reader gives the same as the readers of all messages, whatever was read before."""

from typing import Any

import orjson
import pytest

from prelabel import MessageError
from prelabel.validation.gate import prepare, read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

UUID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0001"
SCHEMA_ID = "c05d0f20c7d1065cf2276b0b2"
CORNERS = {"top": 1, "left": 2, "height": 3, "width": 4.5}
BOX = {"name": "n", "bbox": CORNERS}
POINT = {"x": 1.5, "y": 2}
IMAGE = "https://example.org/1.png"
SELECTION = {"groupId": "g", "tokenIds": ["t"], "page": 1}
PLAIN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bounding box": ("IMAGE", "rectangle", BOX),
    "polygon": ("IMAGE", "polygon", {"name": "n", "polygon": [POINT, {"x": 3, "y": 4}, {"x": 5, "y": 0}]}),
    "point": ("IMAGE", "point", {"name": "n", "point": POINT}),
    "point in degrees": ("TMS_GEO", "point", {"name": "n", "point": POINT}),
    "polyline": ("IMAGE", "line", {"name": "n", "line": [POINT, POINT]}),
    "mask": (
        "IMAGE",
        "raster-segmentation",
        {"name": "n", "mask": {"instanceURI": IMAGE, "colorRGB": [1, 2, 3]}},
    ),
    "tile box": ("TMS_SIMPLE", "rectangle", {"name": "n", "bbox": CORNERS | {"height": -3}}),
    "document box": ("PDF", "rectangle", BOX | {"page": 1, "unit": "POINTS"}),
    "document entity": ("PDF", "named-entity", {"name": "n", "textSelections": [SELECTION]}),
    "text entity": ("TEXT", "named-entity", {"name": "n", "location": {"start": 4, "end": 12}}),
    "conversation entity": (
        "CONVERSATIONAL",
        "named-entity",
        {"name": "n", "location": {"start": 4, "end": 12}, "messageId": "m"},
    ),
}
OTHER = {"name": "weather", "answer": {"name": "fog"}}


def message(*annotations: Any, **fields: Any) -> bytes:
    return orjson.dumps({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations} | fields)


def builder(media: str, tool: str) -> RowBuilder:
    feature = {"name": "n", "featureSchemaId": SCHEMA_ID}
    nested = [{"type": "text", "name": "note", "featureSchemaId": "c" * 25}]
    tools = [feature | {"tool": tool, "classifications": nested}]
    return RowBuilder("p", Ontology.from_normalized({"tools": tools, "classifications": []}, media))


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Let the gate expect no plain message, by one that is not plain."""
    assert not read_message(message(OTHER))[0].plain


@pytest.mark.parametrize("more", [{}, {"confidence": 0.5}], ids=["bare", "with confidence"])
@pytest.mark.parametrize(("media", "tool", "annotation"), PLAIN.values(), ids=list(PLAIN))
def test_the_second_plain_message_is_read_fast_and_gives_the_same_lines(
    media: str, tool: str, annotation: dict[str, Any], more: dict[str, Any]
) -> None:
    rows, raw = builder(media, tool), message(annotation | more, annotation | more, model={"name": "yolo"})

    first = rows.build(raw)
    decoded, kinds = read_message(raw)
    second = rows.build(raw)

    assert decoded.plain
    assert len(set(kinds)) == 1
    assert [first, second.uuids] == [second, first.uuids]
    assert b"confidence" not in first.lines


@pytest.mark.parametrize(("media", "tool", "annotation"), PLAIN.values(), ids=list(PLAIN))
def test_a_plain_message_is_prepared_as_any_other(media: str, tool: str, annotation: dict[str, Any]) -> None:
    raw = message(annotation | {"confidence": 1}, messageId="m")

    assert [prepare(raw)] * 2 == [prepare(raw), prepare(raw)]
    assert orjson.loads(prepare(message(annotation)).raw)["annotations"] == [annotation]


BOXES = [BOX, BOX | {"confidence": 0.25}]
UNLIKE: dict[str, list[Any]] = {
    "a uuid": [BOX | {"uuid": UUID}],
    "a uuid twice": [BOX | {"uuid": UUID}, BOX | {"uuid": UUID}],
    "a schemaId": [BOX | {"schemaId": SCHEMA_ID}],
    "no name": [{"bbox": CORNERS, "schemaId": SCHEMA_ID}],
    "neither name nor schemaId": [{"bbox": CORNERS}],
    "an empty name": [BOX | {"name": ""}],
    "a nested answer": [BOX, BOX | {"classifications": [{"name": "note", "answer": "x"}]}],
    "metrics": [BOX | {"customMetrics": [{"name": "iou", "value": 1}]}],
    "a benchmark": [BOX | {"isBenchmarkReferenceLabel": True}],
    "nulls": [BOX | {"uuid": None, "polygon": None, "confidence": None}],
    "a data row": [BOX | {"dataRow": {"globalKey": "a"}}],
    "a data row that is null": [BOX | {"dataRow": None}],
    "two kinds": [BOX, {"name": "n", "point": POINT}],
    "two kinds in one": [BOX | {"point": POINT}],
    "a negative height": [BOX | {"bbox": CORNERS | {"height": -1}}],
    "a page": [BOX | {"page": 1, "unit": "POINTS"}],
    "a page without its unit": [BOX | {"page": 1}],
    "an unknown name": [BOX, BOX | {"name": "m"}],
    "a confidence above 1": [BOX | {"confidence": 1.5}],
    "a confidence just above 1": [BOX | {"confidence": 1.0000001}],
    "a number as text": [BOX | {"bbox": CORNERS | {"top": "1"}}],
    "an unknown key": [BOX | {"label": "n"}],
    "no annotation": [],
    "too many": [BOX] * 5001,
}


def outcome(rows: RowBuilder, raw: bytes) -> Any:
    try:
        return rows.build(raw)
    except MessageError as error:
        return error.reason, error.details()


@pytest.mark.parametrize("annotations", UNLIKE.values(), ids=list(UNLIKE))
@pytest.mark.parametrize("media", ["IMAGE", "PDF", "TMS_SIMPLE"])
@pytest.mark.parametrize("before", BOXES, ids=["bare", "with confidence"])
def test_a_message_that_is_not_plain_is_judged_as_if_none_had_been(
    annotations: list[Any], media: str, before: dict[str, Any]
) -> None:
    rows = builder(media, "rectangle")
    expected = outcome(rows, message(*annotations))
    for _ in range(2):
        read_message(message(before))
    assert read_message(message(before))[0].plain

    assert outcome(rows, message(*annotations)) == expected


@pytest.mark.parametrize(
    "change",
    [
        *({"dataRow": {}}, {"dataRow": {"id": "a", "globalKey": "b"}}, {"messageId": ""}),
        *({"projectId": "q"}, {"projectId": "a{b}"}, {"projectId": ""}, {"projectId": "a" * 65}),
    ],
)
def test_the_rest_of_a_plain_message_is_checked_too(change: dict[str, Any]) -> None:
    rows = builder("IMAGE", "rectangle")
    expected = outcome(rows, message(BOX, **change))
    for _ in range(2):
        read_message(message(BOX))

    assert outcome(rows, message(BOX, **change)) == expected
    assert isinstance(expected, tuple)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"line": [POINT, POINT]}, {"line": [POINT]}),
        ({"polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 0, "y": 1}]}, {"polygon": [POINT] * 3}),
        ({"location": {"start": 1, "end": 2}}, {"location": {"start": 2, "end": 1}}),
        ({"mask": {"instanceURI": IMAGE, "colorRGB": [1, 2, 3]}}, {"mask": {"png": "iVBORw0KGgo="}}),
    ],
    ids=["polyline", "polygon", "text entity", "pixels of a mask"],
)
def test_rules_of_a_kind_hold_in_plain_messages(good: dict[str, Any], bad: dict[str, Any]) -> None:
    def refused(raw: bytes) -> tuple[Any, Any]:
        with pytest.raises(MessageError) as caught:
            read_message(raw)
        return caught.value.path, caught.value.reason

    valid = {"name": "n"} | good
    raw = message(valid, {"name": "n"} | bad)
    expected = refused(raw)
    for _ in range(2):
        read_message(message(valid))

    assert refused(raw) == expected
    assert expected[0].startswith("annotations[1].")
