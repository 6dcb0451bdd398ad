"""The fast gate: what it passes and refuses, and that it says the same as the models it is made from."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from pydantic import Field, field_serializer

from prelabel import (
    BoundingBox,
    DataRowId,
    GlobalKey,
    InvalidAnnotation,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    Model,
    PredictionMessage,
    Reason,
)
from prelabel.validation import gate
from prelabel.validation.gate import prepare, read_message
from tests.golden import cases, message_of, strategies

BOX = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4.5}}
UUID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0001"


def decoded(content: bytes) -> Any:
    return read_message(content)[0]


def message(*annotations: Any, **fields: Any) -> dict[str, Any]:
    return {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": list(annotations) or [BOX]} | fields


def raw(*annotations: Any, **fields: Any) -> bytes:
    return json.dumps(message(*annotations, **fields)).encode()


def refusal(content: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        read_message(content)
    return caught.value


def nested(depth: int) -> dict[str, Any]:
    """Classifications nested under options, so deep."""
    inner: dict[str, Any] = {"name": "o"}
    for _ in range(depth - 1):
        inner = {"name": "o", "classifications": [{"name": "c", "answer": inner}]}
    return {"name": "c", "answer": inner}


POINT = {"name": "bollard", "point": {"x": 1, "y": 1}}
ID = {"uuid": UUID}
NEXT = ".classifications[0].answer"
TOO_DEEP_AT = "annotations[0].answer" + NEXT * 19 + ".classifications"
MALFORMED: list[tuple[str, bytes, Reason, str]] = [
    ("nothing", b"", Reason.MALFORMED_JSON, ""),
    ("cut", raw()[:-1], Reason.MALFORMED_JSON, ""),
    ("two values", raw() + raw(), Reason.MALFORMED_JSON, ""),
    ("NaN", raw().replace(b"4.5", b"NaN"), Reason.MALFORMED_JSON, "annotations[0].bbox.width"),
    ("latin-1", raw(dataRow={"globalKey": "?"}).replace(b"?", b"\xe9"), Reason.MALFORMED_JSON, ""),
    ("a lone surrogate", raw().replace(b'"a"', b'"\\ud800"'), Reason.MALFORMED_JSON, ""),
    ("a raw line break in a string", raw().replace(b'"a"', b'"a\n"'), Reason.MALFORMED_JSON, ""),
    ("an array", b"[]", Reason.MALFORMED_MESSAGE, ""),
    ("a string", b'"text"', Reason.MALFORMED_MESSAGE, ""),
    ("an empty object", b"{}", Reason.MALFORMED_MESSAGE, "projectId"),
    ("no project", raw(projectId=None), Reason.MALFORMED_MESSAGE, "projectId"),
    ("a project with a brace", raw(projectId="a{b}"), Reason.MALFORMED_MESSAGE, "projectId"),
    ("a project with a line break", raw(projectId="a\n"), Reason.MALFORMED_MESSAGE, "projectId"),
    ("a long project", raw(projectId="a" * 65), Reason.MALFORMED_MESSAGE, "projectId"),
    ("an unknown key", raw(labels=[]), Reason.MALFORMED_MESSAGE, "labels"),
    ("snake case", raw(message_id="m"), Reason.MALFORMED_MESSAGE, "message_id"),
    ("another version", raw(version=2), Reason.MALFORMED_MESSAGE, "version"),
    ("a version as text", raw(version="1"), Reason.MALFORMED_MESSAGE, "version"),
    ("a version as float", raw(version=1.0), Reason.MALFORMED_MESSAGE, "version"),
    ("true for a version", raw(version=True), Reason.MALFORMED_MESSAGE, "version"),
    ("an empty message id", raw(messageId=""), Reason.MALFORMED_MESSAGE, "messageId"),
    ("no data row", raw(dataRow=None), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("an empty data row", raw(dataRow={}), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("both ids", raw(dataRow={"id": "a", "globalKey": "b"}), Reason.MALFORMED_MESSAGE, "dataRow"),
    ("a long global key", raw(dataRow={"globalKey": "a" * 201}), Reason.MALFORMED_MESSAGE, "dataRow.globalKey"),
    ("a number for an id", raw(dataRow={"id": 7}), Reason.MALFORMED_MESSAGE, "dataRow.id"),
    ("an external id", raw(dataRow={"externalId": "a"}), Reason.MALFORMED_MESSAGE, "dataRow.externalId"),
    ("a model without a name", raw(model={"version": "1"}), Reason.MALFORMED_MESSAGE, "model.name"),
    ("a date without a time", raw(producedAt="2026-01-01"), Reason.MALFORMED_MESSAGE, "producedAt"),
    ("annotations as an object", raw(annotations={}), Reason.MALFORMED_MESSAGE, "annotations"),
    ("annotations missing", raw(annotations=None), Reason.MALFORMED_MESSAGE, "annotations"),
    ("a string for an annotation", raw("box"), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("the second annotation", raw(BOX, BOX | {"name": 7}), Reason.INVALID_ANNOTATION, "annotations[1].name"),
    ("an empty name", raw(BOX | {"name": ""}), Reason.INVALID_ANNOTATION, "annotations[0].name"),
    ("a misspelt key", raw(BOX | {"confidance": 0.5}), Reason.INVALID_ANNOTATION, "annotations[0].confidance"),
    ("a key of another kind", raw(BOX | {"answers": []}), Reason.INVALID_ANNOTATION, "annotations[0]"),
    ("a data row inside", raw(BOX | {"dataRow": {"id": "a"}}), Reason.INVALID_ANNOTATION, "annotations[0].dataRow"),
    ("a negative confidence", raw(BOX | {"confidence": -0.1}), Reason.INVALID_ANNOTATION, "annotations[0].confidence"),
    ("true for a number", raw(POINT | {"point": {"x": True}}), Reason.INVALID_ANNOTATION, "annotations[0].point.x"),
    ("a huge number", raw(POINT).replace(b'"x": 1', b'"x": 1e400'), Reason.MALFORMED_JSON, "annotations[0].point.x"),
    ("a repeated uuid", raw(BOX | ID, BOX | {"uuid": UUID.upper()}), Reason.DUPLICATE_UUID, "annotations[1].uuid"),
    ("nested too deep", raw(nested(22)), Reason.TOO_DEEP, TOO_DEEP_AT),
    ("a key twice, wrong first", raw().replace(b'"name"', b'"name": 7, "name"'), Reason.MALFORMED_MESSAGE, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason", "path"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
def test_a_malformed_message_is_refused_with_its_reason_and_path(content: bytes, reason: Reason, path: str) -> None:
    error = refusal(content)

    assert (error.reason, error.path) == (reason, path)
    assert isinstance(error, InvalidAnnotation if path.startswith("annotations[") else MessageError)
    assert "\n" not in str(error)
    assert len(error.found) <= 120


def test_a_message_without_annotations_is_accepted_wherever_it_comes_between_others() -> None:
    for content in (raw(annotations=[]), raw(), raw(annotations=[]), raw(), raw(annotations=[])):
        message, kinds = read_message(content)
        assert len(message.annotations) == len(kinds) == len(orjson.loads(content)["annotations"])
    prepared = prepare({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": []})
    assert orjson.loads(prepared.raw)["annotations"] == []
    assert prepared.slow == 0


@pytest.mark.parametrize("depth", [400, 600, 2_000, 15_000])
def test_nesting_beyond_the_depth_of_a_reader_is_too_deep(depth: int) -> None:
    """How deep readers go depends on the Python: beyond that nothing is known but that it is too deep."""
    opened, closed = b'{"name": "o", "classifications": [{"name": "c", "answer": ', b"}]}"
    error = refusal(raw({"name": "c", "answer": "?"}).replace(b'"?"', opened * depth + b'"x"' + closed * depth))

    assert error.reason is Reason.TOO_DEEP
    assert error.path in (TOO_DEEP_AT, "annotations")


SHAPES = [case for case in cases("invalid") if case["needs"] == "shape"]


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case["id"])
def test_shape_mistakes_of_the_reference_are_refused(case: dict[str, Any]) -> None:
    error = refusal(orjson.dumps(message_of([case["line"]])))

    assert (error.reason, error.path) == (case["reason"], case["path"])


def test_a_misspelt_key_is_answered_with_the_nearest_one() -> None:
    assert refusal(raw(BOX | {"confidance": 0.5})).hint == "did you mean confidence?"
    assert refusal(raw({"name": "vessel", "bBox": BOX["bbox"]})).hint == "did you mean bbox?"
    assert refusal(raw(anotations=[])).hint == "did you mean annotations?"


def test_an_error_names_what_was_found_and_what_was_expected() -> None:
    error = refusal(raw(BOX | {"bbox": BOX["bbox"] | {"width": -3}}))

    assert str(error) == "annotations[0].bbox.width: expected a number greater than 0, found -3"
    assert error.details() == {
        "path": "annotations[0].bbox.width",
        "found": "-3",
        "expected": "a number greater than 0",
    }


def test_an_error_never_holds_a_payload() -> None:
    error = refusal(raw({"name": "mask", "mask": {"png": "A" * 100_000}}))

    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "link",
    [{"source": UUID, "target": UUID[:-1] + "2"}, {"source": UUID, "target": UUID[:-1] + "3"}],
    ids=["to an unknown uuid", "to an answer"],
)
def test_a_relationship_ends_at_objects_of_its_message(link: dict[str, str]) -> None:
    remark = {"name": "remark", "answer": "x", "uuid": UUID[:-1] + "3"}
    error = refusal(raw({"name": "mentions", "relationship": link}, BOX | {"uuid": UUID}, remark))

    assert (error.reason, error.path) == (Reason.BROKEN_RELATIONSHIP, "annotations[0].relationship.target")


def test_a_relationship_finds_its_ends_in_any_spelling() -> None:
    ends = [BOX | {"uuid": f"{{{UUID.upper()}}}"}, BOX | {"uuid": UUID.replace("-", "")[:-1] + "2"}]
    link = {"name": "mentions", "relationship": {"source": UUID.replace("-", ""), "target": UUID[:-1] + "2"}}
    message = decoded(raw(link, *ends))

    assert [message.annotations[0].relationship.source, message.annotations[1].uuid] == [UUID, UUID]


@pytest.mark.parametrize(
    ("spelling", "accepted"),
    [
        ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", True),
        ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", True),
        ("a0eebc999c0b4ef8bb6d6bb9bd380a11", True),
        ("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", True),
        ("{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", True),
        ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", False),
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", False),
        ("a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", False),
        ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n", False),
        ("\u0660" + "0eebc999c0b4ef8bb6d6bb9bd380a11", False),
    ],
)  # fmt: skip
def test_uuids_are_read_in_every_documented_spelling(spelling: str, accepted: bool) -> None:
    content = raw(BOX | {"uuid": spelling})
    if accepted:
        assert decoded(content).annotations[0].uuid == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    else:
        assert refusal(content).path == "annotations[0].uuid"


def test_null_is_as_good_as_absent() -> None:
    nulls = {"uuid": None, "schemaId": None, "polygon": None, "answer": None, "confidence": None, "dataRow": None}
    message = decoded(raw(BOX | nulls, model=None, version=None, messageId=None))

    assert message == decoded(raw())


def test_null_does_not_hide_an_unknown_key() -> None:
    assert refusal(raw(BOX | {"color": None})).path == "annotations[0].color"


def test_old_spellings_are_read_as_the_new_ones() -> None:
    option = {"schema_id": "c" * 25, "classifications": [{"name": "n", "answers": [{"name": "o"}]}]}
    old = {"name": "flags", "answers": [option]}
    new = {
        "name": "flags",
        "answer": [{"schemaId": "c" * 25, "classifications": [{"name": "n", "answer": [{"name": "o"}]}]}],
    }
    beside = {"name": "weather", "answer": {"name": "fog"}, "classifications": [{"name": "n", "answer": "x"}]}
    inside = {"name": "weather", "answer": {"name": "fog", "classifications": [{"name": "n", "answer": "x"}]}}

    assert decoded(raw(old, beside)) == decoded(raw(new, inside))


def test_classifications_beside_two_options_belong_to_neither() -> None:
    answer = [{"name": "red"}, {"name": "green"}]
    error = refusal(raw({"name": "flags", "answer": answer, "classifications": [{"name": "n", "answer": "x"}]}))

    assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, "annotations[0].classifications")


def test_twenty_levels_of_classifications_are_read() -> None:
    assert decoded(raw(nested(20)))


def test_too_many_annotations_of_a_feature_are_refused_at_the_first_above() -> None:
    error = refusal(raw(*[BOX] * 5001))

    assert (error.reason, error.path) == (Reason.TOO_MANY_ANNOTATIONS, "annotations[5000]")
    assert len(read_message(raw(*[BOX] * 5000))[1]) == 5000


def test_a_disagreement_of_gate_and_models_is_never_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = msgspec.json.Decoder(dict[str, int])
    monkeypatch.setattr(gate, "_DECODER", decoder)

    assert refusal(raw(BOX | ID)).reason is Reason.GATE_DISAGREES


# -- the two readers of one definition ------------------------------------------------------------------------------

TOGETHER = {Reason.DUPLICATE_UUID, Reason.BROKEN_RELATIONSHIP, Reason.TOO_MANY_ANNOTATIONS}
"""Rules between annotations, which are the gate's alone."""


def gate_accepts(content: bytes) -> bool:
    try:
        read_message(content)
    except MessageError as caught:
        error = caught
    else:
        return True
    assert error.reason is not Reason.GATE_DISAGREES, str(error)
    return error.reason in TOGETHER


def models_accept(content: bytes) -> bool:
    try:
        PredictionMessage.model_validate_json(content, by_alias=True, by_name=False)
    except MessageError:
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(strategies.messages())
def test_valid_messages_pass_the_gate_and_the_models(value: dict[str, Any]) -> None:
    content = json.dumps(value).encode()

    assert models_accept(content)
    assert gate_accepts(content)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(strategies.spoilt())
def test_gate_and_models_agree_on_spoilt_messages(value: dict[str, Any]) -> None:
    content = json.dumps(value).encode()

    assert gate_accepts(content) == models_accept(content)


@pytest.mark.parametrize("depth", range(900, 1040))
def test_nesting_at_the_limit_of_any_reader_is_refused_and_nothing_else_is_raised(depth: int) -> None:
    raw = orjson.dumps(message({"name": "x", "answer": "deep"})).replace(b'"deep"', b"[" * depth + b"]" * depth)

    with pytest.raises(MessageError):
        read_message(raw)


# -- publishing ------------------------------------------------------------------------------------------------------


def as_typed() -> PredictionMessage:
    box = BoundingBox("vessel", top=1, left=2, height=3, width=4.5)
    return PredictionMessage(project_id="p", data_row=GlobalKey("a"), annotations=[box])


@pytest.mark.parametrize("form", [as_typed, message, raw], ids=["typed", "mapping", "JSON"])
def test_every_form_of_a_message_becomes_the_same_json(form: Callable[[], Any]) -> None:
    prepared = prepare(form())
    sent = json.loads(prepared.raw)

    assert sent.pop("messageId") == prepared.message_id
    assert sent == message()
    assert (prepared.project_id, prepared.data_row_key, prepared.slow) == ("p", "k:a", 0)


@settings(max_examples=100, deadline=None)
@given(strategies.messages())
def test_a_typed_message_is_written_as_its_models_say(value: dict[str, Any]) -> None:
    typed = PredictionMessage.model_validate(value, by_alias=True, by_name=False)

    assert gate.as_json(typed) == orjson.dumps(typed.wire())


def test_a_mapping_may_have_typed_parts() -> None:
    typed = as_typed()
    mixed = {"projectId": "p", "dataRow": typed.data_row, "annotations": typed.annotations}

    assert gate.as_json(mixed) == gate.as_json(typed)


def test_a_model_of_somebody_else_is_written_as_it_says() -> None:
    class Own(PredictionMessage):
        camera: str = Field("north", exclude=True)

        @field_serializer("produced_at")
        def _at(self, value: str) -> str:
            return f"{value}T00:00:00Z"

    typed = as_typed()
    own = Own.model_construct(**dict(typed), camera="south")
    own.produced_at = "2026-11-30"

    assert orjson.loads(gate.as_json(own)) == orjson.loads(gate.as_json(typed)) | {"producedAt": "2026-11-30T00:00:00Z"}


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), "wide", None])
def test_a_value_that_was_set_after_the_check_is_refused(value: Any) -> None:
    typed = as_typed()
    box = typed.annotations[0]
    assert isinstance(box, BoundingBox)
    box.bbox.width = value

    with pytest.raises(MessageError) as caught:
        prepare(typed)
    if isinstance(value, float):
        assert (caught.value.path, caught.value.found) == ("annotations[0].bbox.width", "NaN")


def test_what_waits_in_memory_is_not_the_buffer_of_an_encoder() -> None:
    """orjson's bytes are the start of a buffer of kilobytes, which stays as long as they do."""
    written = orjson.dumps(message() | {"messageId": "m-1"})

    for _ in range(2):  # the second time it is read as the plain message that it was the first time
        prepared = prepare(written)
        assert prepared.raw == written
        assert prepared.raw is not written


def test_a_message_id_is_kept_or_assigned_as_a_uuid7() -> None:
    assert prepare(raw(messageId="m-1")).message_id == "m-1"
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", prepare(raw()).message_id
    )
    first, second = (json.loads(prepare(raw(messageId=None)).raw)["messageId"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    "written",
    [
        raw(),
        raw(messageId=None),
        raw(BOX | {"name": '"messageId"'}),
        b" " + json.dumps(message(), indent=2).encode() + b"\n ",
        raw().replace(b"{", b'{"message\\u0049d":null,', 1),
    ],
    ids=["bare", "null", "in a text", "white space", "null under an escaped key"],
)
def test_an_assigned_id_is_the_only_change_of_a_plain_message(written: bytes) -> None:
    for _ in range(2):  # the second time it is read as the plain message that it was the first time
        prepared = prepare(written)

        assert prepared.raw.count(b'"messageId":') == 1
        sent = json.loads(prepared.raw)
        assert sent.pop("messageId") == prepared.message_id
        assert sent == {key: value for key, value in json.loads(written).items() if key != "messageId"}


def test_masks_are_counted_as_slow() -> None:
    mask = {"name": "oil", "mask": {"instanceURI": "https://example.org/1.png", "colorRGB": [1, 2, 3]}}

    assert prepare(raw(mask, BOX, mask)).slow == 2


def test_a_message_is_one_line_however_it_was_written() -> None:
    pretty = json.dumps(message(messageId="m"), indent=2).encode()

    assert b"\n" not in prepare(pretty).raw
    assert json.loads(prepare(pretty).raw) == message(messageId="m")


def test_the_size_limit_binds_what_is_sent() -> None:
    content = raw()
    with pytest.raises(MessageTooLarge):
        prepare(content, max_bytes=len(content) - 1)
    with pytest.raises(MessageTooLarge):
        prepare(content, max_bytes=len(content))  # the message id comes on top


def test_a_mapping_that_is_not_json_is_refused() -> None:
    with pytest.raises(MalformedMessage) as caught:
        prepare(message(messageId=object()))

    assert caught.value.reason is Reason.MALFORMED_MESSAGE


def test_nan_in_a_mapping_is_refused() -> None:
    with pytest.raises(MessageError) as caught:
        prepare(message(BOX | {"bbox": BOX["bbox"] | {"top": float("nan")}}))

    assert (caught.value.path, caught.value.found) == ("annotations[0].bbox.top", "NaN")


def test_a_typed_message_keeps_everything_it_was_given() -> None:
    content = PredictionMessage(
        project_id="p",
        data_row=DataRowId("d"),
        model=Model("yolo", "11s"),
        message_id="m",
        annotations=[BoundingBox("vessel", top=1, left=2, height=3, width=4.5, confidence=0.5, uuid=UUID.upper())],
    )
    sent = json.loads(prepare(content).raw)

    assert sent["model"] == {"name": "yolo", "version": "11s"}
    assert sent["dataRow"] == {"id": "d"}
    assert sent["annotations"] == [BOX | {"confidence": 0.5, "uuid": UUID}]


def test_threads_may_share_the_gate() -> None:
    contents = [raw(*[BOX] * at, dataRow={"globalKey": str(at)}) for at in range(1, 60)]

    def work(_: int) -> list[int]:
        return [len(json.loads(prepare(content).raw)["annotations"]) for content in contents]

    with ThreadPoolExecutor(4) as pool:
        assert all(found == list(range(1, 60)) for found in pool.map(work, range(8)))
