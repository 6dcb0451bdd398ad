"""The same annotation in projects of different media types and ontologies: forms, names, uuids, refusals."""

import json
from typing import Any
from uuid import UUID

import orjson
import pytest

from prelabel import MessageError, Reason
from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.built_rows import BuiltRow
from prelabel_worker.rendering.identity import ProjectIdentity, unsent_line
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR

RANGE = [{"start": 1, "end": 240}]
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
ID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"
OTHER = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102"
URI = "https://masks.example.org/1.png"
SPEAKER, PILOT, MOOD = "c01e604202403ed1f5178c965", "cd61c6a33f6524f5de58e8501", "c8fd91aa7269b4fa65921814f"


def builder(media: str | None) -> RowBuilder:
    return RowBuilder("harbour", Ontology.from_normalized(HARBOUR, media))


def build(media: str | None, *annotations: dict[str, Any], **fields: Any) -> BuiltRow:
    around = {"projectId": "harbour", "dataRow": {"globalKey": "a"}, "annotations": annotations}
    return builder(media).build(orjson.dumps(around | fields))


def lines(media: str | None, *annotations: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in build(media, *annotations).lines[:-1].split(b"\n")]


def line(media: str | None, annotation: dict[str, Any]) -> dict[str, Any]:
    sent = lines(media, annotation)[0]
    del sent["dataRow"]
    return {key: value for key, value in sent.items() if key != "uuid"}


def refusal(media: str | None, *annotations: dict[str, Any]) -> MessageError:
    with pytest.raises(MessageError) as caught:
        build(media, *annotations)
    return caught.value


# -- answers with ranges -----------------------------------------------------------------------------------------------


def test_audio_writes_every_timed_answer_as_an_array_by_name() -> None:
    nested = [{"schemaId": MOOD, "answer": {"name": "hurried", "frames": [{"start": 4, "end": 9}]}}]
    given = {"schemaId": SPEAKER, "answer": {"schemaId": PILOT, "frames": RANGE, "classifications": nested}}

    assert line("AUDIO", given) == {
        "name": "speaker",
        "answer": [
            {
                "name": "pilot",
                "frames": RANGE,
                "classifications": [
                    {"name": "mood", "answer": [{"name": "hurried", "frames": [{"start": 4, "end": 9}]}]}
                ],
            }
        ],
    }


def test_audio_has_ranges_in_the_options_only() -> None:
    given = {"name": "noise", "answer": [{"name": "engine"}, {"name": "gulls"}], "frames": RANGE}

    assert line("AUDIO", given) == {
        "name": "noise",
        "answer": [{"name": "engine", "frames": RANGE}, {"name": "gulls", "frames": RANGE}],
    }


def test_video_writes_one_option_of_a_radio_as_an_object_and_a_checklist_as_an_array() -> None:
    day = {"name": "day", "frames": RANGE}
    horn = {"name": "horn", "frames": RANGE}

    assert line("VIDEO", {"name": "light", "answer": [day]}) == {"name": "light", "answer": day}
    assert line("VIDEO", {"name": "events", "answer": horn}) == {"name": "events", "answer": [horn]}


def test_an_answer_of_a_radio_that_changes_is_left_to_labelbox() -> None:
    night = {"name": "night", "frames": [{"start": 241, "end": 241}, {"start": 300, "end": 400}]}
    given = {"name": "light", "answer": [{"name": "day", "frames": RANGE}, night]}

    assert line("VIDEO", given) == given


@pytest.mark.parametrize("media", [None, "HOLOGRAM"])
def test_an_unknown_media_type_changes_nothing(media: str | None) -> None:
    given = {"schemaId": SPEAKER, "answer": {"schemaId": PILOT, "frames": RANGE}}
    sent = lines(media, given)[0]

    assert (sent["answer"], sent["schemaId"]) == (given["answer"], SPEAKER)
    assert "uuid" in sent


@pytest.mark.parametrize(
    ("media", "annotation", "reason", "path"),
    [
        ("VIDEO", {"name": "frame note", "answer": {"name": "x", "frames": RANGE}}, Reason.WRONG_ANSWER, "answer"),
        (
            "VIDEO",
            {"name": "light", "answer": [{"value": "x", "frames": RANGE}]},
            Reason.WRONG_ANSWER,
            "answer[0]",
        ),
        (
            "VIDEO",
            {"name": "light", "answer": {"name": "dusk", "frames": RANGE}},
            Reason.UNKNOWN_OPTION,
            "answer.name",
        ),
        (
            "VIDEO",
            {"name": "vessel", "answer": {"name": "day", "frames": RANGE}},
            Reason.WRONG_KIND,
            "",
        ),
        (
            "AUDIO",
            {
                "name": "speaker",
                "answer": [{"name": "tower", "frames": RANGE, "classifications": [{"name": "mood", "answer": "x"}]}],
            },
            Reason.WRONG_NESTING,
            "answer[0].classifications[0].name",
        ),
        (
            "AUDIO",
            {
                "name": "speaker",
                "answer": [
                    {
                        "name": "pilot",
                        "frames": RANGE,
                        "classifications": [{"name": "mood", "answer": {"name": "relaxed"}}],
                    }
                ],
            },
            Reason.WRONG_ANSWER,
            "answer[0].classifications[0].answer.frames",
        ),
        (
            "VIDEO",
            {
                "name": "events",
                "answer": [
                    {"name": "horn", "frames": RANGE},
                    {"schemaId": "cd3ceccff73653f68be29fec0", "frames": RANGE},
                ],
            },
            Reason.WRONG_ANSWER,
            "answer[1]",
        ),
    ],
)
def test_timed_answers_fit_their_classification(
    media: str, annotation: dict[str, Any], reason: Reason, path: str
) -> None:
    error = refusal(media, annotation)

    assert (error.reason, error.path) == (reason, f"annotations[0].{path}".rstrip("."))


def test_classifications_beside_a_single_option_are_moved_into_it() -> None:
    below = [{"name": "splash size", "answer": {"name": "small"}}]
    beside = {"name": "events", "answer": [{"name": "splash", "frames": RANGE}], "classifications": below}
    inside = {"name": "events", "answer": [{"name": "splash", "frames": RANGE, "classifications": below}]}

    assert line("VIDEO", beside) == inside
    two = beside | {"answer": [{"name": "splash", "frames": RANGE}, {"name": "horn", "frames": RANGE}]}
    error = refusal("VIDEO", two)
    assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, "annotations[0].classifications")
    wrong = beside | {"classifications": [{"name": "splash size"}]}
    assert refusal("VIDEO", wrong).path == "annotations[0].classifications[0].answer"


def test_a_nested_answer_of_video_needs_no_ranges() -> None:
    below = [{"name": "splash size", "answer": {"name": "small"}}]
    given = {"name": "events", "answer": [{"name": "splash", "frames": RANGE, "classifications": below}]}

    assert line("VIDEO", given) == given


# -- what is on a line -------------------------------------------------------------------------------------------------

NOISE = {"confidence": 0.5}


def test_confidence_is_left_out_in_frames_too() -> None:
    metrics = {"customMetrics": [{"name": "iou", "value": 0.5}]}
    state = {"name": "hull state", "answer": {"name": "intact", **NOISE}, **NOISE, **metrics}
    frame = {"frame": 1, "bbox": BOX, "classifications": [state], **NOISE}
    sent = build(
        "VIDEO",
        {"name": "vessel", "segments": [{"keyframes": [frame]}], **NOISE, **metrics},
        {"name": "light", "answer": {"name": "day", "frames": RANGE, **NOISE, **metrics}, **NOISE},
        {"name": "frame note", "answer": [{"value": "x", "frames": RANGE, **NOISE}], **NOISE},
        {
            "masks": {
                "frames": [{"index": 1, "instanceURI": URI}],
                "instances": [{"colorRGB": [1, 2, 3], "name": "oil film", **NOISE}],
            },
            **NOISE,
        },
    ).lines

    assert b"confidence" not in sent
    assert b"customMetrics" not in sent


def test_confidence_stays_in_the_message() -> None:
    frame = {"frame": 1, "bbox": BOX, **NOISE}
    given = {"name": "vessel", "segments": [{"keyframes": [frame]}]}
    raw = prepare({"projectId": "p", "dataRow": {"id": "a"}, "annotations": [given]}).raw

    assert json.loads(raw)["annotations"] == [given]


def test_lines_that_need_a_name_get_it() -> None:
    entity = {
        "schemaId": "cdbd40a1fc153d08de02c19e3",
        "textSelections": [{"groupId": "g", "tokenIds": ["t"], "page": 1}],
    }
    link = {"schemaId": "cae3915aefa5c3bd5a2e17bbd", "relationship": {"source": ID, "target": OTHER}}
    ends = [{"name": "vessel", "bbox": BOX, "page": 1, "unit": "POINTS", "uuid": uuid} for uuid in (ID, OTHER)]

    assert [each["name"] for each in lines("PDF", entity, *ends, link)] == ["ship name", "vessel", "vessel", "mentions"]


def test_old_spellings_in_timed_answers_are_written_anew() -> None:
    below = [{"schema_id": "cb84cd88a83804d28007ccd93", "answers": [{"name": "small"}]}]
    given = {"name": "events", "answers": [{"name": "splash", "frames": RANGE, "classifications": below}]}
    answer = line("VIDEO", given)["answer"]

    assert answer[0]["classifications"] == [{"schemaId": "cb84cd88a83804d28007ccd93", "answer": {"name": "small"}}]


# -- who is who --------------------------------------------------------------------------------------------------------


def derived(*features: str) -> list[bytes]:
    identity = ProjectIdentity("harbour").row("k:a", "")
    return identity.uuids([feature_bytes(feature) for feature in features])[0]


def test_timed_lines_of_audio_carry_a_uuid_only_if_the_producer_gives_it() -> None:
    noise = {"name": "noise", "answer": [{"name": "engine", "frames": RANGE}]}
    row = build("AUDIO", noise, noise | {"uuid": ID}, {"name": "remark", "answer": "x"})
    sent = [json.loads(each) for each in row.lines[:-1].split(b"\n")]
    expected = derived("cc3b4c916a3e6f9479d5ace44", "cc3b4c916a3e6f9479d5ace44", "cca55eaf6c13f31aadee16492")

    assert [each.get("uuid") for each in sent] == [None, ID, str(UUID(bytes=expected[2]))]
    assert row.uuids == [unsent_line("k:a", "", 0), UUID(ID).bytes, expected[2]]


@pytest.mark.parametrize(
    "annotation",
    [
        {"name": "light", "answer": {"name": "day", "frames": RANGE}},
        {"name": "frame note", "answer": [{"value": "x", "frames": RANGE}]},
        {"name": "bollard", "segments": [{"keyframes": [{"frame": 1, "point": {"x": 1, "y": 1}}]}]},
    ],
)
def test_lines_of_video_carry_a_uuid(annotation: dict[str, Any]) -> None:
    row = build("VIDEO", annotation)

    assert json.loads(row.lines)["uuid"] == str(UUID(bytes=row.uuids[0]))


def test_instances_and_keyframes_are_told_apart_by_their_place_among_their_feature() -> None:
    track = {"name": "vessel", "segments": [{"keyframes": [{"frame": 1, "bbox": BOX}]}]}
    later = {"schemaId": "c05d0f20c7d1065cf2276b0b2", "segments": [{"keyframes": [{"frame": 7, "bbox": BOX}]}]}

    assert build("VIDEO", track, later).uuids == derived(*["c05d0f20c7d1065cf2276b0b2"] * 2)


def test_a_set_of_masks_has_one_uuid_whatever_is_in_it() -> None:
    frames = [{"index": 1, "instanceURI": URI}]
    one = {"masks": {"frames": frames, "instances": [{"colorRGB": [1, 2, 3], "name": "oil film"}]}}
    two = {"masks": {"frames": frames * 1, "instances": [{"colorRGB": [9, 2, 3], "name": "foam"}]}}

    assert build("VIDEO", one).uuids == build("VIDEO", two).uuids == derived("masks")
    assert build("DICOM", one | {"groupKey": "axial"}).uuids == derived("masks:axial")
    assert len(set(build("DICOM", *(one | {"groupKey": key} for key in ("axial", "coronal"))).uuids)) == 2


MASKS = {"frames": [{"index": 1, "instanceURI": URI}], "instances": [{"colorRGB": [1, 2, 3], "name": "foam"}]}
GOLDEN = [
    ("VIDEO", {"masks": MASKS}, {}),
    ("VIDEO", {"name": "light", "answer": {"name": "day", "frames": RANGE}}, {}),
    ("TEXT", {"name": "ship name", "location": {"start": 1, "end": 2}}, {}),
    ("CONVERSATIONAL", {"name": "tone", "answer": {"name": "calm"}, "messageId": "m-1"}, {"messageId": "m-2"}),
]  # fmt: skip


def test_uuids_of_the_kinds_never_change() -> None:
    found = [[str(UUID(bytes=uuid)) for uuid in build(media, one, one | again).uuids] for media, one, again in GOLDEN]

    assert found == [
        ["99ca77c7-099e-8b2b-862e-1092aa68f9d4", "99ca77c7-099e-8b2b-862e-1092aa68f9d5"],
        ["9b6f061b-376c-8e34-b0b9-4b485810d043", "9b6f061b-376c-8e34-b0b9-4b485810d042"],
        ["b8a76e0f-7a4e-8a6a-ae8f-5ec0e5cd80fe", "b8a76e0f-7a4e-8a6a-ae8f-5ec0e5cd80ff"],
        ["870c02b3-251a-8728-b3c6-b6f6a7734ed9", "870c02b3-251a-8728-b3c6-b6f6a7734ed8"],
    ]


# -- links and media types ---------------------------------------------------------------------------------------------


def test_entities_can_be_linked() -> None:
    ends = [
        {"name": "ship name", "location": {"start": 1, "end": 2}, "uuid": ID},
        {"name": "harbour name", "location": {"start": 5, "end": 6}, "uuid": OTHER},
    ]
    link = {"name": "moored at", "relationship": {"source": ID, "target": OTHER}}

    assert lines("TEXT", link, *ends)
    against = {"name": "moored at", "relationship": {"source": OTHER, "target": ID}}
    assert refusal("TEXT", against, *ends).reason is Reason.BROKEN_RELATIONSHIP


def test_a_document_links_from_a_classification_by_name_if_there_is_one() -> None:
    end = {"name": "vessel", "bbox": BOX, "page": 1, "unit": "POINTS", "uuid": ID}
    link = {"name": "mentions", "relationship": {"sourceOntologyName": "weather", "target": ID}}
    wrong = {"name": "mentions", "relationship": {"sourceOntologyName": "wether", "target": ID}}

    assert lines("PDF", end, link)
    error = refusal("PDF", end, wrong)
    assert (error.reason, error.path) == (
        Reason.UNKNOWN_FEATURE,
        "annotations[1].relationship.sourceOntologyName",
    )


def test_a_refused_kind_is_answered_with_what_the_media_type_takes() -> None:
    assert refusal("VIDEO", {"name": "vessel", "bbox": BOX}).hint == "VIDEO assets take a video object"
    assert refusal("PDF", {"name": "vessel", "bbox": BOX}).hint == "PDF assets take a document box"
    entity = {"name": "ship name", "location": {"start": 1, "end": 2}}
    assert refusal("CONVERSATIONAL", entity).hint == "CONVERSATIONAL assets take a conversation entity"


@pytest.mark.parametrize("media", ["IMAGE", "TMS_SIMPLE", "TMS_GEO"])
def test_a_box_from_its_other_edge_is_for_tiles(media: str) -> None:
    box = {"name": "vessel", "bbox": BOX | {"height": -3}}

    if media == "IMAGE":
        error = refusal(media, box)
        assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, "annotations[0].bbox.height")
    else:
        assert line(media, box) == box


@pytest.mark.parametrize(
    ("annotation", "path"),
    [
        ({"name": "bollard", "point": {"x": 181, "y": 1}}, "point.x"),
        ({"name": "mooring rope", "line": [{"x": 1, "y": 1}, {"x": 1, "y": -91}]}, "line[1].y"),
        ({"name": "quay area", "polygon": [{"x": 1, "y": 1}, {"x": 2, "y": 2}, {"x": 900, "y": 3}]}, "polygon[2].x"),
        ({"name": "vessel", "bbox": BOX | {"top": 100}}, "bbox.top"),
        ({"name": "vessel", "bbox": BOX | {"top": 89}}, "bbox.height"),
        ({"name": "vessel", "bbox": BOX | {"left": 179}}, "bbox.width"),
    ],
)
def test_degrees_are_those_of_the_earth_on_geographic_layers_only(annotation: dict[str, Any], path: str) -> None:
    error = refusal("TMS_GEO", annotation)

    assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, f"annotations[0].{path}")
    assert line("TMS_SIMPLE", annotation) == annotation


def test_slow_annotations_are_counted_for_smaller_chunks() -> None:
    point = {"name": "bollard", "point": {"x": 1, "y": 1}}
    masks = {
        "masks": {
            "frames": [{"index": 1, "instanceURI": URI}],
            "instances": [{"colorRGB": [1, 2, 3], "name": "oil film"}],
        }
    }

    assert build("TMS_GEO", point, point, {"name": "remark", "answer": "x"}).slow == 2
    assert build("IMAGE", point).slow == 0
    assert build("VIDEO", masks).slow == 1
    assert prepare({"projectId": "p", "dataRow": {"id": "a"}, "annotations": [masks]}).slow == 1


def test_a_data_row_has_one_prompt() -> None:
    prompt = {"name": "task prompt", "answer": "Explain the tides."}
    error = refusal("LLM_PROMPT_CREATION", prompt, prompt)

    assert (error.reason, error.path) == (Reason.TOO_MANY_ANNOTATIONS, "annotations[1]")
    assert lines("LLM_PROMPT_CREATION", prompt)


def test_mask_instances_are_checked_one_by_one() -> None:
    def masks(**instance: Any) -> dict[str, Any]:
        frames = [{"index": 1, "instanceURI": URI}]
        return {"masks": {"frames": frames, "instances": [{"colorRGB": [1, 2, 3]} | instance]}}

    assert lines("VIDEO", masks(name="oil film", featureSchemaId="cb5f9d0e86e843bf1ee359122"))
    error = refusal("VIDEO", masks(name="oil flim"))
    assert (error.reason, error.path, error.hint) == (
        Reason.UNKNOWN_FEATURE,
        "annotations[0].masks.instances[0].name",
        "did you mean oil film?",
    )
    both = refusal("VIDEO", masks(name="foam", featureSchemaId="cb5f9d0e86e843bf1ee359122"))
    assert both.reason is Reason.AMBIGUOUS_NAME


def test_too_many_tracks_of_one_feature_are_refused() -> None:
    track = {"name": "bollard", "segments": [{"keyframes": [{"frame": 1, "point": {"x": 1, "y": 1}}]}]}
    error = refusal("VIDEO", *[track] * 5001)

    assert (error.reason, error.path) == (Reason.TOO_MANY_ANNOTATIONS, "annotations[5000]")


def test_answers_in_keyframes_are_checked_where_they_are() -> None:
    state = [{"name": "hull state", "answer": {"name": "thin"}}]
    frames = [{"frame": 1, "bbox": BOX}, {"frame": 2, "bbox": BOX, "classifications": state}]
    error = refusal("VIDEO", {"name": "vessel", "segments": [{"keyframes": frames}]})

    assert (error.reason, error.path) == (
        Reason.UNKNOWN_OPTION,
        "annotations[0].segments[0].keyframes[1].classifications[0].answer.name",
    )
