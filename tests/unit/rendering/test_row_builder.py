"""A published message becomes its lines: every check of one row."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelabel import MessageError, Reason
from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.built_rows import BuiltRow, BuiltRows
from prelabel_worker.rendering.identity import ProjectIdentity
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR, cases, message_of, strategies
from tests.support.lines import BUILDERS, canonical

BUILDER = BUILDERS["IMAGE"]
VESSEL = {"name": "vessel", "bbox": {"top": 48, "left": 16, "height": 120, "width": 260}}
BOLLARD = {"name": "bollard", "point": {"x": 512, "y": 384.5}}
FIRST, SECOND = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102"


def message(*annotations: dict[str, Any], **fields: Any) -> bytes:
    around = {"projectId": "harbour", "dataRow": {"globalKey": "a"}, "annotations": annotations}
    return orjson.dumps(around | fields)


def refusal(raw: bytes, builder: RowBuilder = BUILDER) -> MessageError:
    with pytest.raises(MessageError) as caught:
        builder.build(raw)
    return caught.value


def lines_of(row: BuiltRow) -> list[dict[str, Any]]:
    assert row.lines.endswith(b"\n")
    return [json.loads(line) for line in row.lines[:-1].split(b"\n")]


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case["id"])
def test_valid_lines_of_the_reference_come_out_as_they_went_in(case: dict[str, Any]) -> None:
    by_row: dict[str, list[dict[str, Any]]] = {}
    for line in case["lines"]:
        by_row.setdefault(str(line["dataRow"]), []).append(line)

    for lines in by_row.values():
        row = BUILDERS[case["media"]].build(orjson.dumps(message_of(lines)))
        assert lines_of(row) == [canonical(line) for line in lines]


@pytest.mark.parametrize("case", cases("invalid"), ids=lambda case: case["id"])
def test_invalid_lines_of_the_reference_are_refused_where_they_are_wrong(case: dict[str, Any]) -> None:
    error = refusal(orjson.dumps(message_of([case["line"], *case.get("beside", ())])), BUILDERS[case["media"]])

    assert (error.reason, error.path) == (case["reason"], case["path"])


@pytest.mark.parametrize("case", cases("left"), ids=lambda case: case["id"])
def test_lines_that_only_the_asset_or_labelbox_can_judge_pass(case: dict[str, Any]) -> None:
    assert lines_of(BUILDERS[case["media"]].build(orjson.dumps(message_of([case["line"]]))))


def test_a_built_row_has_the_facts_that_the_stages_need() -> None:
    mask = {"name": "foam", "mask": {"instanceURI": "https://example.org/1.png", "colorRGB": [1, 2, 3]}}
    raw = message(
        VESSEL, mask, BOLLARD | {"uuid": FIRST.upper()}, messageId="m-1", model={"name": "yolo", "version": "2"}
    )
    row = BUILDER.build(raw)

    assert (row.data_row_key, row.model, row.message_id, row.slow) == ("k:a", "yolo", "m-1", 1)
    assert row.explicit == {UUID(FIRST).bytes: 2}
    assert not row.adds
    assert [UUID(bytes=uuid) for uuid in row.uuids] == [UUID(line["uuid"]) for line in lines_of(row)]


def test_a_line_begins_with_its_uuid_then_its_data_row() -> None:
    row = BUILDER.build(message(VESSEL, dataRow={"id": "d"}))
    uuid = str(UUID(bytes=row.uuids[0]))

    assert (
        row.lines
        == (
            f'{{"uuid":"{uuid}","dataRow":{{"id":"d"}},"name":"vessel",'
            '"bbox":{"top":48,"left":16,"height":120,"width":260}}\n'
        ).encode()
    )


def test_uuids_count_annotations_of_a_feature_whatever_it_is_called() -> None:
    by_id = {key: value for key, value in VESSEL.items() if key != "name"} | {"schemaId": "c05d0f20c7d1065cf2276b0b2"}
    row = BUILDER.build(message(VESSEL, BOLLARD, by_id, model={"name": "yolo"}))
    features = [feature_bytes(each) for each in ("c05d0f20c7d1065cf2276b0b2", "ca268f14ed7a0ba3915391f99")]
    identity = ProjectIdentity("harbour").row("k:a", "yolo")

    assert row.uuids == identity.uuids([features[0], features[1], features[0]])[0]


def test_publishing_again_gives_the_same_uuids_with_another_version_of_the_model() -> None:
    first = BUILDER.build(message(VESSEL, VESSEL, model={"name": "yolo", "version": "1"}, messageId="m-1"))
    again = BUILDER.build(message(VESSEL, model={"name": "yolo", "version": "2"}, messageId="m-2"))
    other = BUILDER.build(message(VESSEL, model={"name": "sam"}))

    assert again.uuids == first.uuids[:1]
    assert other.uuids != again.uuids


def test_an_explicit_uuid_does_not_move_the_others() -> None:
    plain = BUILDER.build(message(VESSEL, VESSEL, VESSEL))
    mixed = BUILDER.build(message(VESSEL, VESSEL | {"uuid": FIRST}, VESSEL))

    assert [mixed.uuids[0], mixed.uuids[2]] == [plain.uuids[0], plain.uuids[2]]


@pytest.mark.parametrize(
    ("form", "data_row", "accepted"),
    [
        ("", {"id": "d"}, True),
        ("ik", {"id": "d"}, True),
        ("i", {"id": "d"}, True),
        ("k", {"id": "d"}, False),
        ("k", {"globalKey": "d"}, True),
        ("i", {"globalKey": "d"}, False),
    ],
)
def test_a_row_names_its_data_row_as_the_project_accepts_it(
    form: str, data_row: dict[str, str], accepted: bool
) -> None:
    builder = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, "IMAGE"), data_row_forms=form)
    raw = message(VESSEL, dataRow=data_row)

    if accepted:
        assert builder.build(raw)
    else:
        error = refusal(raw, builder)
        assert (error.reason, error.path, error.found) == (Reason.DATA_ROW_FORM, "dataRow", next(iter(data_row)))
        assert error.hint == "prelabel project set harbour --data-row-forms both"


def test_a_message_of_another_project_is_refused() -> None:
    error = refusal(message(VESSEL, projectId="pier"))

    assert (error.reason, error.path, error.found) == (Reason.WRONG_PROJECT, "projectId", "pier")


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ({"source": SECOND, "target": FIRST}, "annotations[2].relationship"),
        ({"source": SECOND, "target": FIRST, "type": "bidirectional"}, None),
        ({"source": FIRST, "target": SECOND}, None),
    ],
    ids=["against the constraint", "either way", "along the constraint"],
)
def test_links_keep_the_constraints_of_their_tool(link: dict[str, str], path: str | None) -> None:
    raw = message(VESSEL | {"uuid": FIRST}, BOLLARD | {"uuid": SECOND}, {"name": "moored at", "relationship": link})

    if path is None:
        assert lines_of(BUILDER.build(raw))[2]["relationship"] == {"type": "unidirectional"} | link
    else:
        assert (refusal(raw).reason, refusal(raw).path) == (Reason.BROKEN_RELATIONSHIP, path)


def test_a_link_needs_an_edge_tool() -> None:
    link = {"name": "vessel", "relationship": {"source": FIRST, "target": SECOND}}
    error = refusal(message(VESSEL | {"uuid": FIRST}, BOLLARD | {"uuid": SECOND}, link))

    assert (error.reason, error.path) == (Reason.WRONG_KIND, "annotations[2]")


@pytest.mark.parametrize(
    ("source", "reason", "path"),
    [
        ({"sourceOntologyName": "weather"}, Reason.MEDIA_TYPE, "annotations[2].relationship.sourceOntologyName"),
        ({"source": SECOND}, Reason.BROKEN_RELATIONSHIP, "annotations[2].relationship.source"),
    ],
    ids=["by name", "by uuid"],
)
def test_only_documents_link_from_classifications(source: dict[str, str], reason: Reason, path: str) -> None:
    weather = {"name": "weather", "answer": {"name": "clear"}, "uuid": SECOND}
    link = {"name": "mentions", "relationship": {"target": FIRST, **source}}
    error = refusal(message(VESSEL | {"uuid": FIRST}, weather, link))

    assert (error.reason, error.path) == (reason, path)


def test_too_many_of_one_feature_are_counted_by_what_it_is() -> None:
    by_id = {key: value for key, value in VESSEL.items() if key != "name"} | {"schemaId": "c05d0f20c7d1065cf2276b0b2"}
    error = refusal(message(*[VESSEL] * 5000, by_id))

    assert (error.reason, error.path) == (Reason.TOO_MANY_ANNOTATIONS, "annotations[5000]")


def without_noise(value: Any) -> Any:
    """A value as it is sent: without confidence and metrics."""
    if isinstance(value, dict):
        noise = ("confidence", "customMetrics")
        return {key: without_noise(each) for key, each in value.items() if key not in noise}
    return [without_noise(each) for each in value] if isinstance(value, list) else value


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(strategies.messages())
def test_every_value_of_a_message_arrives_in_its_lines(value: dict[str, Any]) -> None:
    row = BUILDER.build(prepare(value).raw)
    sent = lines_of(row)

    assert len(row.uuids) == len(sent) == len(value["annotations"])
    for line, annotation, uuid in zip(sent, value["annotations"], row.uuids, strict=True):
        assert line.pop("uuid") == annotation.get("uuid", str(UUID(bytes=uuid)))
        assert line.pop("dataRow") == value["dataRow"]
        if "relationship" in line:
            assert line["relationship"].pop("type") == "unidirectional"
        assert line == without_noise({key: each for key, each in annotation.items() if key != "uuid"})


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(strategies.spoilt())
def test_a_spoilt_message_is_built_or_refused_and_never_anything_else(value: dict[str, Any]) -> None:
    try:
        row = BUILDER.build(json.dumps(value).encode())
    except MessageError as error:
        reason = error.reason
    else:
        assert lines_of(row)
        return
    assert reason is not Reason.GATE_DISAGREES


def alone(raw: bytes) -> Any:
    try:
        return BUILDER.build(raw)
    except MessageError as error:
        return error.reason, error.details()


def outcomes(built: BuiltRows) -> list[Any]:
    """Return what became of each message, in order, as `alone` does."""
    rows = [(place, built.row(position)) for position, place in enumerate(built.place)]
    refused = [(place, (error.reason, error.details())) for place, error in built.refused]
    return [outcome for _, outcome in sorted(rows + refused, key=lambda pair: pair[0])]


def test_messages_that_are_built_together_become_what_each_becomes_alone() -> None:
    """Plain messages share steps, so they stand here around messages of other kinds, empty ones and wrong ones."""
    link = {"name": "moored at", "relationship": {"source": FIRST, "target": SECOND}}
    wrong_link = link | {"relationship": {"source": SECOND, "target": FIRST}}
    ends = [VESSEL | {"uuid": FIRST}, BOLLARD | {"uuid": SECOND}]
    others = [
        *([], [BOLLARD], [BOLLARD, VESSEL], [*ends, link], [*ends, wrong_link], [VESSEL | {"confidence": 0.5}]),
        *([VESSEL | {"name": "ship"}], [VESSEL | {"uuid": FIRST}], [{"name": "vessel", "bbox": {"top": 1}}]),
        [{"name": "weather", "answer": {"name": "fog"}}],
    ]
    raws = [
        message(*annotations, dataRow={"globalKey": f"{at}-{nth}"}, model={"name": f"m{at}"}, messageId=f"{at}")
        for at, other in enumerate(others)
        for nth, annotations in enumerate(([VESSEL] * (1 + at), other, [VESSEL, VESSEL]))
    ]
    raws += [b"{}", b"[", message(VESSEL, projectId="pier")]
    expected = [alone(raw) for raw in raws]

    for messages in (raws, raws[::-1], raws * 20):
        assert outcomes(BUILDER.build_all(messages)) == [expected[raws.index(raw)] for raw in messages]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(strategies.messages() | strategies.spoilt(), max_size=8))
def test_any_messages_that_are_built_together_become_what_each_becomes_alone(values: list[dict[str, Any]]) -> None:
    raws = [json.dumps(value).encode() for value in values]

    assert outcomes(BUILDER.build_all(raws)) == [alone(raw) for raw in raws]


def test_threads_may_share_a_builder() -> None:
    raws = [message(*[VESSEL] * at, dataRow={"globalKey": str(at)}) for at in range(1, 60)]
    expected = [BUILDER.build(raw) for raw in raws]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: BUILDER.build_all(raws), range(8)):
            assert outcomes(found) == expected


# -- ground truth ------------------------------------------------------------------------------------------------------

MARK = {"isBenchmarkReferenceLabel": True}
MARKED = [
    VESSEL,
    {"name": "weather", "answer": {"name": "fog"}},
    {"schemaId": "cca55eaf6c13f31aadee16492", "answer": "x", "confidence": 0.5},
    {"name": "oil film", "mask": {"instanceURI": "https://masks.example.org/1.png", "colorRGB": [1, 2, 3]}},
]


@pytest.mark.parametrize("annotation", MARKED)
def test_a_benchmark_mark_is_for_ground_truth_and_is_sent_there(annotation: dict[str, Any]) -> None:
    truth = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, "IMAGE"), ground_truth=True)
    plain, marked = BOLLARD, annotation | MARK

    (_, line) = lines_of(truth.build(message(plain, marked)))
    assert line["isBenchmarkReferenceLabel"] is True
    assert "isBenchmarkReferenceLabel" not in lines_of(truth.build(message(annotation)))[0]
    error = refusal(message(plain, marked))
    assert (error.reason, error.path) == (
        Reason.GROUND_TRUTH_ONLY,
        "annotations[1].isBenchmarkReferenceLabel",
    )
    assert error.hint == "prelabel project set PROJECT --as ground-truth"


def test_a_benchmark_mark_changes_no_uuid() -> None:
    truth = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, "IMAGE"), ground_truth=True)

    assert truth.build(message(VESSEL | MARK)).uuids == truth.build(message(VESSEL)).uuids


def test_a_benchmark_mark_that_is_null_is_absent() -> None:
    assert BUILDER.build(message(VESSEL | {"isBenchmarkReferenceLabel": None}))
