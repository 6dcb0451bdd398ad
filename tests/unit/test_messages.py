"""Messages in all their forms, what each malformed one gets, and that two readers of one definition agree."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prelabel import (
    BoundingBox,
    Checklist,
    Classification,
    DataRowId,
    FreeText,
    GlobalKey,
    InvalidAnnotation,
    MalformedMessage,
    Mask,
    MessageError,
    MessageTooLarge,
    Model,
    Option,
    Point,
    Polygon,
    Polyline,
    PredictionMessage,
    Radio,
    Reason,
    Relationship,
)
from prelabel.gate import decode_message, prepare
from prelabel.messages import uuid7

BOX: dict[str, Any] = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
BASE: dict[str, Any] = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [BOX]}
UUID_1, UUID_2 = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102"


def message(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in (BASE | fields).items() if value is not ...}


def one(**fields: Any) -> dict[str, Any]:
    """A message with one annotation: a box with these fields changed; `...` takes one out."""
    return message(annotations=[{key: value for key, value in (BOX | fields).items() if value is not ...}])


def alone(annotation: Any) -> dict[str, Any]:
    return message(annotations=[annotation])


def deep(levels: int) -> dict[str, Any]:
    answer: Any = {"name": "o"}
    for _ in range(levels):
        answer = {"name": "o", "classifications": [{"name": "c", "answer": answer}]}
    return alone({"name": "c", "answer": answer})


MALFORMED: list[tuple[str, Any, Reason, str]] = [
    ("empty", b"", Reason.MALFORMED_JSON, ""),
    ("truncated", b'{"projectId": "p"', Reason.MALFORMED_JSON, ""),
    ("not UTF-8", b'{"projectId": "\xff"}', Reason.MALFORMED_JSON, ""),
    ("an array", b"[]", Reason.MALFORMED_MESSAGE, ""),
    ("null", b"null", Reason.MALFORMED_MESSAGE, ""),
    ("not JSON in Python", {"projectId": object()}, Reason.MALFORMED_MESSAGE, ""),
    ("no project", message(projectId=...), Reason.MALFORMED_MESSAGE, "projectId"),
    ("odd project", message(projectId="a b"), Reason.MALFORMED_MESSAGE, "projectId"),
    ("project with a line break", message(projectId="a\n"), Reason.MALFORMED_MESSAGE, "projectId"),
    ("no data row", message(dataRow=...), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("neither id nor key", message(dataRow={}), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("both id and key", message(dataRow={"id": "a", "globalKey": "b"}), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("empty key", message(dataRow={"globalKey": ""}), Reason.MALFORMED_MESSAGE, "dataRow.globalKey"),
    ("long key", message(dataRow={"globalKey": "k" * 201}), Reason.MALFORMED_MESSAGE, "dataRow.globalKey"),
    ("another version", message(version=2), Reason.MALFORMED_MESSAGE, "version"),
    ("unknown key", message(projctId="x"), Reason.MALFORMED_MESSAGE, "projctId"),
    ("nameless model", message(model={"version": "1"}), Reason.MALFORMED_MESSAGE, "model.name"),
    ("no time", message(producedAt="yesterday"), Reason.MALFORMED_MESSAGE, "producedAt"),
    ("no annotations", message(annotations=...), Reason.MALFORMED_MESSAGE, "annotations"),
    ("empty annotations", message(annotations=[]), Reason.MALFORMED_MESSAGE, "annotations"),
    ("annotations not an array", message(annotations={}), Reason.MALFORMED_MESSAGE, "annotations"),
    ("annotation is a text", alone("x"), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("no kind", one(bbox=...), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("two kinds", one(point={"x": 1, "y": 1}), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("no feature", one(name=...), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("short schemaId", one(schemaId="abc"), Reason.INVALID_ANNOTATION, "annotations[0].schemaId"),
    ("odd uuid", one(uuid="vessel-1"), Reason.INVALID_ANNOTATION, "annotations[0].uuid"),
    ("misspelt key", one(confidance=1), Reason.INVALID_ANNOTATION, "annotations[0].confidance"),
    ("a data row inside", one(dataRow={"id": "x"}), Reason.INVALID_ANNOTATION, "annotations[0].dataRow"),
    ("confidence above 1", one(confidence=1.5), Reason.INVALID_ANNOTATION, "annotations[0].confidence"),
    ("text for a number", one(bbox=BOX["bbox"] | {"top": "1"}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.top"),
    ("true for a number", one(bbox=BOX["bbox"] | {"top": True}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.top"),
    ("NaN", one(bbox=BOX["bbox"] | {"top": float("nan")}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.top"),
    ("zero width", one(bbox=BOX["bbox"] | {"width": 0}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.width"),
    (
        "negative height",
        one(bbox=BOX["bbox"] | {"height": -3}),
        Reason.INVALID_ANNOTATION,
        "annotations[0].bbox.height",
    ),
    ("no points", alone({"name": "q", "polygon": []}), Reason.INVALID_ANNOTATION, "annotations[0].polygon"),
    ("a radio without option", alone({"name": "w", "answer": {}}), Reason.INVALID_ANNOTATION, "annotations[0].answer"),
    ("an empty text", alone({"name": "w", "answer": ""}), Reason.INVALID_ANNOTATION, "annotations[0].answer"),
    ("a number for an answer", alone({"name": "w", "answer": 3}), Reason.INVALID_ANNOTATION, "annotations[0].answer"),
    ("too deep", deep(25), Reason.TOO_DEEP, "annotations[0]"),
    ("far too deep", b'{"annotations":' * 100_000, Reason.MALFORMED_JSON, ""),
    ("a uuid twice", message(annotations=[BOX | {"uuid": UUID_1}] * 2), Reason.DUPLICATE_UUID, "annotations[1].uuid"),
    (
        "a link to nothing",
        alone({"name": "r", "relationship": {"source": UUID_1, "target": UUID_2}}),
        Reason.BROKEN_RELATIONSHIP,
        "annotations[0].relationship.source",
    ),
    ("too many of a feature", message(annotations=[BOX] * 5001), Reason.TOO_MANY_ANNOTATIONS, "annotations[5000]"),
]


@pytest.mark.parametrize(("given", "reason", "path"), [case[1:] for case in MALFORMED], ids=[c[0] for c in MALFORMED])
def test_a_malformed_message_is_refused_with_reason_and_path(given: Any, reason: Reason, path: str) -> None:
    with pytest.raises(MessageError) as refusal:
        prepare(given)

    assert refusal.value.reason is reason
    assert refusal.value.path.startswith(path)
    assert refusal.value.expected
    assert len(refusal.value.found) + len(refusal.value.expected) < 500


@pytest.mark.parametrize("case", [c for c in MALFORMED if not isinstance(c[1], bytes)], ids=lambda case: case[0])
def test_the_wire_refuses_what_python_refuses(case: Any) -> None:
    """Except NaN, which JSON does not have, and objects that cannot be JSON at all."""
    try:
        raw = json.dumps(case[1], allow_nan=False).encode()
    except (TypeError, ValueError):
        return
    with pytest.raises(MessageError) as refusal:
        prepare(raw)

    assert refusal.value.reason is case[2]


def test_a_message_above_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageTooLarge) as refusal:
        prepare(b"{" * 1001, max_bytes=1000)

    assert refusal.value.found == "1001 bytes"


def test_kinds_of_error_can_be_told_apart() -> None:
    with pytest.raises(MalformedMessage):
        prepare(message(dataRow={}))
    with pytest.raises(InvalidAnnotation):
        prepare(one(uuid="x"))


TYPED = PredictionMessage(
    project_id="c1",
    data_row=GlobalKey("cam-1/000184.jpg"),
    model=Model("yolo", "11s"),
    produced_at=datetime(2030, 1, 2, tzinfo=UTC),
    annotations=[
        BoundingBox(
            "vessel",
            left=10,
            top=20.5,
            width=30,
            height=40,
            uuid=UUID_1,
            confidence=0.5,
            classifications=[Classification("hull", Option("damaged", classifications=[Classification("note", "x")]))],
        ),
        Polygon("quay", [(0, 0), (1, 0), (1, 1)]),
        Point("bollard", x=1, y=2, uuid=UUID_2),
        Polyline("rope", [(0, 0), (1, 0.5)]),
        Mask("oil", uri="https://masks.example.org/1.png", color=(1, 2, 3)),
        Radio("weather", "clear"),
        Checklist("flags", ["red", Option("green")]),
        FreeText("remark", "two\nlines"),
        Relationship("moored at", source=UUID_1, target=UUID_2),
    ],
)


def test_typed_messages_dicts_and_bytes_are_the_same_message() -> None:
    wire = json.loads(TYPED.model_dump_json(by_alias=True, exclude_none=True))
    forms = [prepare(TYPED), prepare(wire), prepare(json.dumps(wire, indent=1).encode())]

    bodies = []
    for form in forms:
        assert b"\n" not in form.raw
        assert (form.project_id, form.data_row_key, form.slow) == ("c1", "k:cam-1/000184.jpg", 1)
        bodies.append(json.loads(form.raw))
        assert bodies[-1].pop("messageId") == form.message_id
    assert bodies == [wire] * 3
    assert wire["annotations"][0]["bbox"] == {"top": 20.5, "left": 10, "height": 40, "width": 30}


def test_a_message_keeps_its_own_id() -> None:
    assert prepare(message(messageId="mine")).message_id == "mine"


def test_a_data_row_by_id() -> None:
    typed = PredictionMessage(project_id="p", data_row=DataRowId("cdr1"), annotations=[Point("b", x=1, y=1)])

    assert prepare(typed).data_row_key == "i:cdr1"


def test_null_is_absent() -> None:
    prepared = prepare(message(model=None, dataRow={"id": None, "globalKey": "a"}))

    assert prepared.data_row_key == "k:a"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: BoundingBox("v", left=1, top=1, width=0, height=1),
        lambda: BoundingBox("v", left=1, top=1, width=1),
        lambda: Polygon("q", [(0, 0), (1, 1)]),
        lambda: Checklist("f", []),
        lambda: Mask("m", png=b"no"),
        lambda: GlobalKey(""),
        lambda: Model(""),
    ],
)
def test_typed_annotations_are_checked_when_they_are_made(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        wrong()


def test_what_is_convenient_in_python_is_not_accepted_on_the_wire() -> None:
    for annotation in ({"name": "f", "answer": ["red"]}, {"name": "v", "left": 1, "top": 1, "width": 1, "height": 1}):
        with pytest.raises(MessageError) as refusal:
            prepare(alone(annotation))
        assert refusal.value.reason is Reason.INVALID_ANNOTATION


def test_message_ids_sort_by_time_and_are_version_7() -> None:
    ids = [uuid7() for _ in range(50)]

    assert len(set(ids)) == 50
    assert all(each[14] == "7" and each[19] in "89ab" for each in ids)
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)


# Anything near a message: right ones, and right ones with one value replaced by something odd.
numbers = st.one_of(st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False, width=32))
names = st.text(min_size=1, max_size=5)
point = st.fixed_dictionaries({"x": numbers, "y": numbers})
option = st.fixed_dictionaries({"name": names})
annotation = st.one_of(
    st.fixed_dictionaries(
        {"name": names, "bbox": st.fixed_dictionaries(dict.fromkeys(("top", "left", "height", "width"), numbers))}
    ),
    st.fixed_dictionaries({"name": names, "polygon": st.lists(point, max_size=5)}),
    st.fixed_dictionaries({"name": names, "line": st.lists(point, max_size=3)}),
    st.fixed_dictionaries({"name": names, "point": point}),
    st.fixed_dictionaries(
        {"name": names, "answer": st.one_of(option, st.lists(option, max_size=3), st.text(max_size=3))}
    ),
)
odd = st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], {}, [1], {"a": 1}, "a\n", 10**30])


@st.composite
def near_messages(draw: st.DrawFn) -> Any:
    found: Any = message(annotations=draw(st.lists(annotation, min_size=1, max_size=3)))
    found = json.loads(json.dumps(found))
    if draw(st.booleans()):
        place = found
        while isinstance(place, dict | list) and place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()) or not isinstance(place[key], dict | list) or not place[key]:
                place[key] = draw(odd)
                break
            place = place[key]
    return found


@given(near_messages())
def test_the_gate_and_the_models_agree(found: Any) -> None:
    raw = json.dumps(found).encode()
    try:
        PredictionMessage.model_validate_json(raw)
        models_accept = True
    except ValidationError:
        models_accept = False
    try:
        decode_message(raw)
        gate_accepts, reason = True, None
    except MessageError as error:
        gate_accepts, reason = False, error.reason

    assert reason is not Reason.GATE_DISAGREES
    # Rules between annotations are the gate's alone.
    assert gate_accepts == models_accept or reason in (Reason.DUPLICATE_UUID, Reason.BROKEN_RELATIONSHIP)


@given(st.binary(max_size=100))
def test_no_bytes_crash_the_check(garbage: bytes) -> None:
    with pytest.raises(MessageError):
        prepare(garbage)
