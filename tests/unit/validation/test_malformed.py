"""The refusal of each malformed message, as Python and as JSON on the wire."""

import json
from typing import Any

import pytest

from prelabel import (
    InvalidAnnotation,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    Reason,
)
from prelabel.validation.gate import prepare

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


def wire(old: bytes, new: bytes, **fields: Any) -> bytes:
    """A good message as JSON, with some of its bytes changed."""
    good = json.dumps(message(**fields)).encode()
    assert old in good
    return good.replace(old, new, 1)


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
    ("Infinity on the wire", wire(b'"top": 1', b'"top": Infinity'), Reason.MALFORMED_JSON, ""),
    ("a number that is infinite", wire(b'"top": 1', b'"top": 1e999'), Reason.MALFORMED_JSON, ""),
    ("400 digits", wire(b'"top": 1', b'"top": ' + b"9" * 400), Reason.MALFORMED_JSON, ""),
    ("30 digits", wire(b'"top": 1', b'"top": ' + b"9" * 30), Reason.INVALID_ANNOTATION, "annotations[0].bbox.top"),
    ("a huge number", wire(b'"top": 1', b'"top": -1e300'), Reason.INVALID_ANNOTATION, "annotations[0].bbox.top"),
    ("a huge width", wire(b'"width": 4', b'"width": 1e300'), Reason.INVALID_ANNOTATION, "annotations[0].bbox.width"),
    ("a huge name", one(name="v" * 1_000_000), Reason.INVALID_ANNOTATION, "annotations[0].name"),
    ("a huge message id", message(messageId="m" * 100_000), Reason.MALFORMED_MESSAGE, "messageId"),
    ("a huge model name", message(model={"name": "m" * 100_000}), Reason.MALFORMED_MESSAGE, "model.name"),
    ("a huge traceparent", message(traceparent="0" * 10_000), Reason.MALFORMED_MESSAGE, "traceparent"),
    ("half a surrogate pair", wire(b"vessel", b"\\ud800"), Reason.MALFORMED_JSON, ""),
    ("two messages", wire(b"]}", b"]}\n{}"), Reason.MALFORMED_JSON, ""),
    (
        "broken behind a kind that is not of images",
        b'{"projectId": "p", "dataRow": {"id": "a"}, "annotations": '
        b'[{"name": "b", "location": {"start": 1, "end": 2}},"{"name": "c"}]}',
        Reason.MALFORMED_JSON,
        "",
    ),
    ("zero width", one(bbox=BOX["bbox"] | {"width": 0}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.width"),
    ("zero height", one(bbox=BOX["bbox"] | {"height": 0}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.height"),
    ("negative width", one(bbox=BOX["bbox"] | {"width": -3}), Reason.INVALID_ANNOTATION, "annotations[0].bbox.width"),
    ("no points", alone({"name": "q", "polygon": []}), Reason.INVALID_ANNOTATION, "annotations[0].polygon"),
    ("a radio without option", alone({"name": "w", "answer": {}}), Reason.INVALID_ANNOTATION, "annotations[0].answer"),
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
