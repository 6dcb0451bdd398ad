"""Checks of annotations against a project's ontology: names, ids, nesting, kinds, media types."""

import copy
from typing import Any

import orjson
import pytest

from prelabel import NotInOntology, Reason
from prelabel.annotations.kinds import KINDS
from prelabel.validation.gate import read_message
from prelabel_worker.ontology.ontology import Ontology
from tests.golden import HARBOUR

BOX = {"bbox": {"top": 1, "left": 1, "height": 1, "width": 1}}
VESSEL = "c05d0f20c7d1065cf2276b0b2"
KIND_EXAMPLES: dict[str, dict[str, Any]] = {
    "bounding box": {"name": "vessel", **BOX},
    "polygon": {"name": "quay area", "polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]},
    "point": {"name": "bollard", "point": {"x": 0, "y": 0}},
    "polyline": {"name": "mooring rope", "line": [{"x": 0, "y": 0}, {"x": 1, "y": 0}]},
    "mask": {"name": "foam", "mask": {"instanceURI": "https://example.org/1.png", "colorRGB": [1, 2, 3]}},
    "radio": {"name": "weather", "answer": {"name": "clear"}},
    "checklist": {"name": "flags", "answer": [{"name": "red"}]},
    "free text": {"name": "remark", "answer": "x"},
}


def resolve(annotation: dict[str, Any], normalized: dict[str, Any] = HARBOUR, media: str | None = "IMAGE") -> Any:
    """The feature's id and the annotation as it is after the check."""
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [annotation]}
    decoded, kinds = read_message(orjson.dumps(message))
    ontology = Ontology.from_normalized(normalized, media)
    return ontology.resolve(decoded.annotations[0], kinds[0], "annotations[0]").id, decoded.annotations[0]


def refusal(*arguments: Any, **more: Any) -> NotInOntology:
    with pytest.raises(NotInOntology) as caught:
        resolve(*arguments, **more)
    return caught.value


def changed(path: str, **fields: Any) -> dict[str, Any]:
    """The harbour with other values at a path such as `tools.0`."""
    normalized = copy.deepcopy(HARBOUR)
    place: Any = normalized
    for part in path.split("."):
        place = place[int(part) if part.isdigit() else part]
    place.update(fields)
    return normalized


@pytest.mark.parametrize("naming", [{"name": "vessel"}, {"schemaId": VESSEL}, {"name": "vessel", "schemaId": VESSEL}])
def test_a_feature_is_found_by_name_by_id_or_by_both(naming: dict[str, str]) -> None:
    assert resolve(naming | BOX)[0] == VESSEL


@pytest.mark.parametrize("name", ["reason_for_delay", "Reason for delay"])
@pytest.mark.parametrize("option", ["low_tide", "Low tide"])
def test_classifications_match_name_or_instructions_and_options_value_or_label(name: str, option: str) -> None:
    assert resolve({"name": name, "answer": {"name": option}})[0] == "c93fa5af6508af51be2e74dba"


@pytest.mark.parametrize(
    ("annotation", "reason", "path"),
    [
        ({"name": "Vessel", **BOX}, Reason.UNKNOWN_FEATURE, "annotations[0].name"),
        ({"name": "vessel ", **BOX}, Reason.UNKNOWN_FEATURE, "annotations[0].name"),
        ({"schemaId": "c" * 25, **BOX}, Reason.UNKNOWN_FEATURE, "annotations[0].schemaId"),
        ({"name": "bollard", **BOX}, Reason.WRONG_KIND, "annotations[0]"),
        ({"name": "weather", **BOX}, Reason.WRONG_KIND, "annotations[0]"),
        ({"name": "vessel", "answer": "x"}, Reason.WRONG_KIND, "annotations[0]"),
        ({"name": "hull state", "answer": {"name": "intact"}}, Reason.WRONG_NESTING, "annotations[0]"),
        ({"name": "hole remark", "answer": "deep down"}, Reason.WRONG_NESTING, "annotations[0]"),
        ({"name": "bollard", "schemaId": VESSEL, **BOX}, Reason.AMBIGUOUS_NAME, "annotations[0]"),
        ({"name": "weather", "answer": {"name": "rain"}}, Reason.UNKNOWN_OPTION, "annotations[0].answer.name"),
        ({"name": "weather", "answer": "clear"}, Reason.WRONG_ANSWER, "annotations[0].answer"),
        ({"name": "remark", "answer": {"name": "x"}}, Reason.WRONG_ANSWER, "annotations[0].answer"),
        (
            {"name": "vessel", **BOX, "classifications": [{"name": "deck load", "answer": "x"}]},
            Reason.WRONG_ANSWER,
            "annotations[0].classifications[0].answer",
        ),
        (
            {"name": "flags", "answer": [{"name": "red"}, {"schemaId": "cb12211c449866e98bff0f1b6"}]},
            Reason.WRONG_ANSWER,
            "annotations[0].answer[1]",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(annotation: dict[str, Any], reason: Reason, path: str) -> None:
    error = refusal(annotation)

    assert (error.reason, error.path) == (reason, path)


def test_a_refusal_says_what_there_is() -> None:
    assert refusal({"name": "vesel", **BOX}).hint == "did you mean vessel?"
    assert refusal({"name": "weather", "answer": {"name": "rain"}}).hint == "there are: clear, fog"
    assert str(refusal({"name": "bollard", **BOX})) == (
        "annotations[0]: expected a kind that fits 'bollard', which is a point, found a bounding box"
    )


def test_one_option_and_a_list_of_one_are_written_as_their_classification_wants() -> None:
    assert resolve({"name": "weather", "answer": [{"name": "clear"}]})[1].answer.name == "clear"
    assert [each.name for each in resolve({"name": "flags", "answer": {"name": "red"}})[1].answer] == ["red"]


def test_nested_answers_are_written_so_too() -> None:
    classifications = [
        {"name": "hull state", "answer": [{"name": "intact"}]},
        {"name": "deck load", "answer": {"name": "crates"}},
    ]
    state, load = resolve({"name": "vessel", **BOX, "classifications": classifications})[1].classifications

    assert (state.answer.name, [each.name for each in load.answer]) == ("intact", ["crates"])


def test_a_name_of_two_siblings_needs_an_id() -> None:
    twice = changed("tools.2", name="vessel", tool="rectangle")
    error = refusal({"name": "vessel", **BOX}, twice)

    assert (error.reason, error.path) == (Reason.AMBIGUOUS_NAME, "annotations[0].name")
    assert resolve({"name": "vessel", "schemaId": VESSEL, **BOX}, twice)[0] == VESSEL


def test_instructions_of_one_and_name_of_another_are_ambiguous_too() -> None:
    twice = changed("classifications.1", instructions="remark")

    assert refusal({"name": "remark", "answer": "x"}, twice).reason is Reason.AMBIGUOUS_NAME


@pytest.mark.parametrize(
    ("path", "annotation"),
    [
        ("tools.0", {"name": "vessel", **BOX}),
        ("classifications.0", {"name": "weather", "answer": {"name": "clear"}}),
        ("classifications.0.options.0", {"name": "weather", "answer": {"name": "clear"}}),
        (
            "tools.0.classifications.2",
            {"name": "vessel", **BOX, "classifications": [{"name": "hull number", "answer": "x"}]},
        ),
    ],
)
def test_an_archived_feature_is_refused(path: str, annotation: dict[str, Any]) -> None:
    assert resolve(annotation)
    assert "archived" in refusal(annotation, changed(path, archived=1)).found


@pytest.mark.parametrize("kind", ["group", "dropdown"])
def test_classifications_without_an_import_shape_are_refused(kind: str) -> None:
    error = refusal({"name": "weather", "answer": {"name": "clear"}}, changed("classifications.0", type=kind))

    assert error.reason is Reason.WRONG_KIND


def test_labels_may_be_numbers() -> None:
    normalized = changed("classifications.0.options.0", value=3, label=3)

    assert resolve({"name": "weather", "answer": {"name": "3"}}, normalized)


def test_a_text_keeps_the_limits_of_its_feature() -> None:
    prompts = "LLM_PROMPT_CREATION"
    error = refusal({"name": "task prompt", "answer": "hi"}, media=prompts)

    assert (error.reason, error.path) == (Reason.WRONG_ANSWER, "annotations[0].answer")
    assert resolve({"name": "task prompt", "answer": "hello"}, media=prompts)


WHAT = {
    "type": "radio",
    "name": "what",
    "featureSchemaId": "c" * 25,
    "options": [{"value": "ship"}, {"value": "shore"}],
}


@pytest.mark.parametrize("key", ["classifications", "options"])
def test_classifications_below_a_text_are_those_of_the_ontology(key: str) -> None:
    below = changed("classifications.2", **{key: [WHAT]})
    remark = {"name": "remark", "answer": "x", "classifications": [{"name": "what", "answer": [{"name": "ship"}]}]}

    assert resolve(remark, below)[1].classifications[0].answer.name == "ship"
    error = refusal(remark)
    assert (error.reason, error.path) == (Reason.WRONG_NESTING, "annotations[0].classifications[0].name")
    unknown = remark | {"classifications": [{"name": "what", "answer": {"name": "zzz"}}]}
    error = refusal(unknown, below)
    assert (error.reason, error.path) == (Reason.UNKNOWN_OPTION, "annotations[0].classifications[0].answer.name")
    twice = remark | {"classifications": [{"name": "what", "answer": {"name": "ship"}}] * 2}
    assert refusal(twice, below).path == "annotations[0].classifications[1]"
    message = remark | {"messageId": "m-1"}
    assert refusal(message, media="CONVERSATIONAL").reason is Reason.WRONG_NESTING
    assert resolve(message, below, "CONVERSATIONAL")


def test_classifications_below_a_timed_text_are_those_of_the_ontology() -> None:
    times = [{"start": 1, "end": 9}]
    answer = {"name": "ship", "frames": times}
    note = {"value": "x", "frames": times, "classifications": [{"name": "what", "answer": answer}]}

    error = refusal({"name": "frame note", "answer": [note]}, media="VIDEO")
    assert (error.reason, error.path) == (Reason.WRONG_NESTING, "annotations[0].answer[0].classifications[0].name")
    assert resolve(
        {"name": "frame note", "answer": [note]}, changed("classifications.6", classifications=[WHAT]), "VIDEO"
    )


@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_list_below_a_text_means_nothing(empty: Any) -> None:
    assert resolve({"name": "remark", "answer": "x", "classifications": empty})


PROMPTS, ELSEWHERE = (
    ("LLM_PROMPT_CREATION", "LLM_PROMPT_RESPONSE_CREATION"),
    ("IMAGE", "CONVERSATIONAL", "AUDIO", "HTML"),
)
PROMPT = {"name": "task prompt", "answer": "long enough"}
RESPONSE = {"name": "reply quality", "answer": {"name": "good"}}
PLAIN = {"name": "weather", "answer": {"name": "clear"}}


@pytest.mark.parametrize(
    ("annotation", "media"),
    [
        *((PROMPT, media) for media in (*ELSEWHERE, "TEXT")),
        *((RESPONSE, media) for media in ELSEWHERE),
        *((PLAIN, media) for media in PROMPTS),
        *(({"name": "flags", "answer": []}, media) for media in PROMPTS),
        *(({"name": "remark", "answer": "x"}, media) for media in PROMPTS),
    ],
)
def test_a_project_has_the_classifications_of_its_media_type(annotation: dict[str, Any], media: str) -> None:
    error = refusal(annotation, media=media)

    assert (error.reason, error.path) == (Reason.MEDIA_TYPE, "annotations[0]")
    assert f"'{annotation['name']}', which is a" in error.found
    assert resolve(annotation, media=None)


@pytest.mark.parametrize("media", PROMPTS)
def test_prompts_have_prompts_and_responses(media: str) -> None:
    assert resolve(PROMPT, media=media)
    assert resolve(RESPONSE, media=media)


def test_responses_to_a_data_row_s_text_are_taken_on_text() -> None:
    assert resolve(RESPONSE, media="TEXT")


@pytest.mark.parametrize("name", ["weather", "remark", "reply quality"])
def test_a_radio_or_text_that_chooses_nothing_has_no_answer(name: str) -> None:
    error = refusal({"name": name, "answer": []}, media=None)

    assert (error.reason, error.path) == (Reason.WRONG_ANSWER, "annotations[0].answer")


def test_a_checklist_may_choose_nothing_wherever_it_stands() -> None:
    nothing: dict[str, Any] = {"answer": []}
    below = [{"name": "deck load", **nothing}]

    assert resolve({"name": "flags", **nothing})[1].answer == []
    assert resolve({"name": "vessel", **BOX, "classifications": below})[1].classifications[0].answer == []
    assert resolve({"name": "topics", "messageId": "m", **nothing}, media="CONVERSATIONAL")[1].answer == []
    for media in ("AUDIO", "VIDEO"):
        frames = [{"start": 1, "end": 2}]
        assert resolve({"name": "events", "frames": frames, **nothing}, media=media)[1].answer == []
        for name in ("light", "frame note"):
            error = refusal({"name": name, "frames": frames, **nothing}, media=media)
            assert (error.reason, error.path) == (Reason.WRONG_ANSWER, "annotations[0].answer")


def at(start: int, end: int) -> dict[str, Any]:
    return {"frames": [{"start": start, "end": end}]}


@pytest.mark.parametrize(
    ("media", "annotation", "path"),
    [
        (
            "VIDEO",
            {"name": "light", "answer": [{"name": "day", **at(1, 5)}, {"name": "night", **at(1, 5)}]},
            "[1].frames",
        ),
        (
            "VIDEO",
            {"name": "light", "answer": [{"name": "day", **at(5, 9)}, {"name": "night", **at(1, 5)}]},
            "[0].frames",
        ),
        (
            "VIDEO",
            {
                "name": "light",
                "answer": [
                    {"name": "day", "frames": [{"start": 20, "end": 30}, {"start": 1, "end": 50}]},
                    {"name": "night", **at(40, 60)},
                ],
            },
            "[1].frames",
        ),
        ("VIDEO", {"name": "light", "answer": [{"name": "day"}, {"name": "night"}], **at(1, 5)}, ""),
        (
            "AUDIO",
            {"name": "speaker", "answer": [{"name": "pilot", **at(0, 9)}, {"name": "tower", **at(2, 3)}]},
            "[1].frames",
        ),
        (None, {"name": "speaker", "answer": [{"name": "pilot"}, {"name": "tower"}], **at(2, 3)}, ""),
        (
            "AUDIO",
            {
                "name": "speaker",
                "answer": [
                    {
                        "name": "pilot",
                        **at(0, 9),
                        "classifications": [
                            {
                                "name": "mood",
                                "answer": [{"name": "relaxed", **at(0, 4)}, {"name": "hurried", **at(4, 9)}],
                            }
                        ],
                    }
                ],
            },
            "[0].classifications[0].answer[1].frames",
        ),
        (
            "VIDEO",
            {
                "name": "events",
                "answer": [
                    {
                        "name": "splash",
                        **at(0, 9),
                        "classifications": [{"name": "splash size", "answer": [{"name": "small"}, {"name": "large"}]}],
                    }
                ],
            },
            "[0].classifications[0].answer",
        ),
    ],
)
def test_a_radio_has_one_option_at_a_time_at_every_level(
    media: str | None, annotation: dict[str, Any], path: str
) -> None:
    error = refusal(annotation, media=media)

    assert (error.reason, error.path) == (Reason.WRONG_ANSWER, f"annotations[0].answer{path}")


@pytest.mark.parametrize("media", ["VIDEO", "AUDIO", None])
def test_options_of_a_radio_may_follow_each_other(media: str | None) -> None:
    answer = [
        {"name": "day", "frames": [{"start": 1, "end": 4}, {"start": 3, "end": 5}]},
        {"name": "night", **at(6, 9)},
    ]

    assert len(resolve({"name": "light", "answer": answer}, media=media)[1].answer) == 2


def test_options_of_a_checklist_may_hold_together() -> None:
    answer = [{"name": "horn", **at(1, 5)}, {"name": "splash", **at(1, 5)}]

    assert resolve({"name": "events", "answer": answer}, media="VIDEO")


def test_answers_on_volumes_are_refused() -> None:
    for annotation in (PLAIN, {"name": "flags", "answer": [{"name": "red"}]}, {"name": "remark", "answer": "x"}):
        assert refusal(annotation, media="DICOM").reason is Reason.MEDIA_TYPE


@pytest.mark.parametrize("kind", KIND_EXAMPLES)
@pytest.mark.parametrize(
    ("media", "refused"),
    [
        ("IMAGE", set()),
        ("image", set()),
        (None, set()),
        ("HOLOGRAM", set()),
        ("TMS_GEO", {"mask"}),
        ("TEXT", {"bounding box", "polygon", "point", "polyline", "mask"}),
        ("PDF", {"bounding box", "polygon", "point", "polyline", "mask"}),
        ("POINT_CLOUD", set(KIND_EXAMPLES)),
    ],
)
def test_media_types_take_their_kinds(kind: str, media: str | None, refused: set[str]) -> None:
    if kind in refused:
        assert refusal(KIND_EXAMPLES[kind], media=media).reason is Reason.MEDIA_TYPE
    else:
        assert resolve(KIND_EXAMPLES[kind], media=media)


def test_names_that_say_it_all_are_prepared() -> None:
    box = next(kind for kind in KINDS if kind.name == "bounding box")

    assert set(Ontology.from_normalized(HARBOUR, "IMAGE").plain(box)) == {"vessel"}
    assert not Ontology.from_normalized(HARBOUR, "TEXT").plain(box)
    assert not Ontology.from_normalized(changed("tools.0", archived=True), "IMAGE").plain(box)


def test_a_digest_tells_ontologies_apart_and_nothing_else() -> None:
    digest = Ontology.from_normalized(HARBOUR, "IMAGE").digest

    assert digest == Ontology.from_normalized(dict(reversed(HARBOUR.items())), "IMAGE").digest
    assert digest != Ontology.from_normalized(HARBOUR, "VIDEO").digest
    assert digest != Ontology.from_normalized(changed("tools.0", name="ship"), "IMAGE").digest


def test_an_empty_ontology_knows_nothing() -> None:
    assert refusal({"name": "vessel", **BOX}, {}).hint == "there is none"


def test_hints_stay_cheap_in_a_large_ontology_and_a_day_of_wrong_names() -> None:
    tools = [{"tool": "rectangle", "name": f"class {at}", "featureSchemaId": f"c{at:024d}"} for at in range(4000)]
    ontology = Ontology.from_normalized({"tools": tools}, "IMAGE")
    level = ontology._tools
    for at in range(1000):
        level.nearest(f"another {at}")

    assert len(level._nearest) == 200
