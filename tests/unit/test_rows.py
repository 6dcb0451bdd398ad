"""A row's lines: identities that never change, what is not sent, and that values survive."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import MessageError, Reason
from prelabel_worker.identity import ProjectIdentity, feature_bytes, import_name, row_key, uuid_text
from prelabel_worker.ontology import Ontology
from prelabel_worker.rows import BuiltRow, RowBuilder

ONTOLOGY = {
    "tools": [
        {"tool": "rectangle", "name": "vessel", "featureSchemaId": "c" + "1" * 24},
        {"tool": "point", "name": "bollard", "featureSchemaId": "c" + "2" * 24},
        {"tool": "rectangle", "name": "old", "featureSchemaId": "c" + "3" * 24, "archived": 1},
    ],
    "classifications": [
        {"type": "radio", "name": "weather", "featureSchemaId": "c" + "4" * 24, "options": [{"value": "clear"}]},
        {"type": "checklist", "name": "flags", "featureSchemaId": "c" + "5" * 24, "options": [{"value": "red"}]},
        {"type": "text", "name": "remark", "instructions": "Any remark?", "featureSchemaId": "c" + "6" * 24},
    ],
}
GOLDEN_UUIDS = [
    "63e990c3-f1de-8464-a66a-92c8495d70bd",
    "a2ae8690-c8db-880f-b5d0-1eb8bc723495",
    "569d80dd-953e-845c-a41c-e82b2d938352",
]
GOLDEN_UNICODE = "72c8f45e-e9fb-8bd9-a17e-32f8192a4d37"
GOLDEN_ROW_KEY = "031b15b5d3c7b67dca684b3857e30bfa"
GOLDEN_NAME = "prelabel-5ab2c3d4e5f60718-335da07f96d1af60018fb709114dd0df"
BOX = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}


def build(*annotations: dict[str, Any], form: str | None = None, **fields: Any) -> BuiltRow:
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": list(annotations), **fields}
    builder = RowBuilder("p", Ontology.from_normalized(ONTOLOGY, "IMAGE"), data_row_form=form)
    return builder.build(json.dumps(message).encode())


def lines(row: BuiltRow) -> list[dict[str, Any]]:
    return [json.loads(line) for line in row.lines.decode().split("\n")[:-1]]


def test_derived_uuids_have_golden_values() -> None:
    """These can never change: they are the override of everything that was ever imported."""
    identity = ProjectIdentity("cm1project").row("k:cam-1/000184.jpg", "yolo")
    feature = feature_bytes("c" + "1" * 24)

    assert [uuid_text(identity.uuid(feature, ordinal)) for ordinal in (0, 1, 70_000)] == GOLDEN_UUIDS
    assert uuid_text(ProjectIdentity("p").row("i:ünïcödé", "").uuid(feature, 0)) == GOLDEN_UNICODE


def test_row_keys_and_import_names_have_golden_values() -> None:
    assert row_key("k:cam-1/000184.jpg", "yolo") == GOLDEN_ROW_KEY
    assert import_name("5ab2c3d4e5f60718", b'{"a":1}\n') == GOLDEN_NAME


def test_derived_uuids_are_version_8() -> None:
    uuid = UUID(bytes=ProjectIdentity("p").row("k:a", "m").uuid(feature_bytes("f"), 0))

    assert (uuid.version, uuid.variant) == (8, "specified in RFC 4122")


@given(st.tuples(*[st.text(max_size=3)] * 4), st.tuples(*[st.text(max_size=3)] * 4))
def test_different_rows_have_different_uuids_whatever_is_in_their_names(a: Any, b: Any) -> None:
    def uuid(parts: Any) -> bytes:
        return ProjectIdentity(parts[0]).row(parts[1], parts[2]).uuid(feature_bytes(parts[3]), 0)

    assert (uuid(a) == uuid(b)) == (a == b)


def test_publishing_again_gives_the_same_uuids_slot_by_slot() -> None:
    first = build(BOX, BOX, {"name": "bollard", "point": {"x": 1, "y": 1}})
    moved = build(
        BOX | {"bbox": {"top": 9, "left": 9, "height": 9, "width": 9}}, {"name": "bollard", "point": {"x": 5, "y": 5}}
    )

    assert moved.uuids == [first.uuids[0], first.uuids[2]]
    assert len(set(first.uuids)) == 3


def test_a_feature_by_id_is_the_same_feature() -> None:
    by_id = {"schemaId": "c" + "1" * 24, "bbox": BOX["bbox"]}

    assert build(by_id).uuids == build(BOX).uuids


def test_two_models_stand_side_by_side() -> None:
    assert build(BOX, model={"name": "a"}).uuids != build(BOX, model={"name": "b"}).uuids
    assert (
        build(BOX, model={"name": "a", "version": "1"}).uuids == build(BOX, model={"name": "a", "version": "2"}).uuids
    )


def test_an_explicit_uuid_is_kept_in_canonical_form() -> None:
    row = build(BOX | {"uuid": "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"})

    assert lines(row)[0]["uuid"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert row.explicit == tuple(row.uuids) == (UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").bytes,)


def test_each_line_begins_with_its_uuid_and_carries_the_data_row() -> None:
    row = build(BOX)

    assert row.lines.startswith(b'{"uuid":"' + uuid_text(row.uuids[0]).encode() + b'"')
    assert lines(row)[0]["dataRow"] == {"globalKey": "a"}


def test_model_run_keys_stay_in_the_message() -> None:
    row = build(
        BOX | {"confidence": 0.9, "customMetrics": [{"name": "iou", "value": 0.5}]},
        {"name": "weather", "answer": {"name": "clear", "confidence": 0.2}},
    )

    assert b"confidence" not in row.lines
    assert b"customMetrics" not in row.lines


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"name": "flags", "answers": [{"name": "red"}]}, [{"name": "red"}]),
        ({"name": "flags", "answer": {"name": "red"}}, [{"name": "red"}]),
        ({"name": "weather", "answer": [{"name": "clear"}]}, {"name": "clear"}),
    ],
)
def test_old_spellings_are_written_in_the_new_one(given: Any, sent: Any) -> None:
    (line,) = lines(build(given))

    assert line["answer"] == sent
    assert "answers" not in line


def test_line_separators_inside_strings_are_escaped() -> None:
    row = build({"name": "remark", "answer": "a\u2028b\u2029c\u0085d\ne"})

    assert row.lines.count(b"\n") == 1
    assert len(row.lines.decode().splitlines()) == 1
    assert lines(row)[0]["answer"] == "a\u2028b\u2029c\u0085d\ne"


def test_a_classification_is_known_by_name_or_instructions() -> None:
    assert build({"name": "Any remark?", "answer": "x"}).uuids == build({"name": "remark", "answer": "x"}).uuids


@pytest.mark.parametrize(
    ("annotation", "fields", "form", "reason"),
    [
        (BOX, {"projectId": "q"}, None, Reason.WRONG_PROJECT),
        (BOX, {}, "i", Reason.DATA_ROW_FORM),
        ({"name": "old", "bbox": BOX["bbox"]}, {}, None, Reason.UNKNOWN_FEATURE),
        ({"name": "bollard", "bbox": BOX["bbox"]}, {}, None, Reason.WRONG_KIND),
        ({"name": "vessel", "answer": "x"}, {}, None, Reason.WRONG_KIND),
        ({"name": "weather", "answer": {"name": "rain"}}, {}, None, Reason.UNKNOWN_OPTION),
    ],
)
def test_a_row_that_does_not_fit_its_project_is_refused(
    annotation: Any, fields: Any, form: Any, reason: Reason
) -> None:
    with pytest.raises(MessageError) as refusal:
        build(annotation, form=form, **fields)

    assert refusal.value.reason is reason


values = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
sizes = st.floats(min_value=1e-6, max_value=1e9) | st.integers(1, 10**9)


@given(st.lists(st.tuples(values, values, sizes, sizes), min_size=1, max_size=5), st.text(min_size=1, max_size=50))
def test_values_survive_from_message_to_line(boxes: list[Any], key: str) -> None:
    given = [dict(zip(("top", "left", "height", "width"), box, strict=True)) for box in boxes]
    key = key.encode("utf-8", "replace").decode()
    row = build(*[{"name": "vessel", "bbox": box} for box in given], dataRow={"globalKey": key})

    assert [line["bbox"] for line in lines(row)] == given
    assert {line["dataRow"]["globalKey"] for line in lines(row)} == {key}
