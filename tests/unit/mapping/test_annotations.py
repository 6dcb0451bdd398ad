"""Messages whose annotations are named by classes: renamed, answered, left out; what is no annotation stays."""

from typing import Any

import pytest

from prelabel.errors import InvalidAnnotation, MalformedMessage
from prelabel.mapping import Incoming, PredictionMapping, Target
from prelabel.mapping.file import mapping_of
from prelabel.validation.gate import prepare

BOX = {"bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
FIRST, SECOND, LINK = (f"5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e110{at}" for at in range(3))
TABLE: dict[str, Any] = {
    "confidence": 0.3,
    "classes": {
        "person": "Person",
        "dog": {"feature": "Animal", "classification": "kind", "option": "dog", "confidence": 0.8},
        "cat": {"classification": "kind", "option": "cat"},
        "tie": {"drop": True},
    },
}


def apply(*annotations: Any, **table: Any) -> tuple[list[Any], dict[str, int]]:
    mapping = mapping_of({**TABLE, **table})
    message = {"projectId": "p", "dataRow": {"globalKey": "k"}, "annotations": list(annotations)}
    (mapped,) = mapping.apply(message)
    if mapped["annotations"]:
        prepare(mapped)
    return mapped["annotations"], dict(mapping.left_out)


def test_without_a_table_a_message_stays_as_it_is() -> None:
    message = {"projectId": "p", "dataRow": {"id": "r"}, "annotations": [{"name": "person", **BOX}], "version": 1}

    assert PredictionMapping().messages(Incoming(message)) == [message]


def test_classes_become_features_with_answers_and_thresholds_hold() -> None:
    annotations, left_out = apply(
        {"name": "person", "confidence": 0.3, **BOX},
        {"name": "person", "confidence": 0.29, **BOX},
        {"name": "dog", "confidence": 0.8, **BOX, "classifications": [{"name": "age", "answer": "old"}]},
        {"name": "dog", "confidence": 0.7, **BOX},
        {"name": "cat", **BOX},
        {"name": "tie", **BOX},
        {"name": "bus", **BOX},
    )

    assert [each["name"] for each in annotations] == ["Person", "Animal", "cat", "bus"]
    assert annotations[1]["classifications"] == [
        {"name": "age", "answer": "old"},
        {"name": "kind", "answer": {"name": "dog"}},
    ]
    assert annotations[2]["classifications"] == [{"name": "kind", "answer": {"name": "cat"}}]
    assert left_out == {"below the minimum confidence": 2, "of classes that are dropped": 1}


def test_the_options_of_a_checklist_have_thresholds_of_their_own() -> None:
    options = [{"name": "rain", "confidence": 0.9}, {"name": "fog", "confidence": 0.1}]

    annotations, left_out = apply({"name": "weather", "answer": options}, {"name": "sky", "answer": options[1:]})

    assert annotations == [{"name": "weather", "answer": options[:1]}]
    assert left_out == {"below the minimum confidence": 2}


def test_an_answer_below_the_threshold_is_left_out() -> None:
    annotations, _ = apply(
        {"name": "weather", "answer": {"name": "rain", "confidence": 0.1}}, {"name": "remark", "answer": "text"}
    )

    assert annotations == [{"name": "remark", "answer": "text"}]


def test_a_relationship_that_loses_an_end_is_left_out_with_it() -> None:
    annotations, left_out = apply(
        {"name": "person", "uuid": FIRST, **BOX},
        {"name": "tie", "uuid": SECOND, **BOX},
        {"name": "wears", "relationship": {"source": FIRST, "target": SECOND.upper()}},
        {"name": "beside", "relationship": {"source": FIRST, "target": LINK}},
        {"name": "person", "uuid": LINK, **BOX},
    )

    assert [each["name"] for each in annotations] == ["Person", "beside", "Person"]
    assert left_out["relationships of predictions that are left out"] == 1


def test_a_class_without_an_entry_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        apply({"name": "tie", **BOX}, {"name": "persn", **BOX}, unmapped="refuse")

    assert (caught.value.path, caught.value.hint) == ("annotations[1].name", "did you mean person?")


def test_an_option_without_its_classification_is_named() -> None:
    mapping = PredictionMapping({"person": Target(option="x")})

    with pytest.raises(MalformedMessage, match="a classification beside the option 'x'"):
        mapping.apply({"annotations": [{"name": "person", **BOX}]})


@pytest.mark.parametrize("annotations", [None, 3, "x", {}, [None], [3], [{}], [{"name": 3}], [{"name": None, **BOX}]])
def test_what_is_no_annotation_is_left_to_the_check_of_the_message(annotations: Any) -> None:
    (message,) = mapping_of(TABLE).apply({"projectId": "p", "dataRow": {"id": "r"}, "annotations": annotations})

    assert message["annotations"] == annotations


@pytest.mark.parametrize("body", [None, 3, "x", [], [{}]])
def test_a_body_that_is_no_object_is_named(body: Any) -> None:
    with pytest.raises(MalformedMessage, match="expected an object with the fields of a message"):
        mapping_of(TABLE).messages(Incoming(body))


def test_what_a_message_lacks_is_filled_in_and_what_it_has_stays() -> None:
    mapping = mapping_of({
        "project": "p", "model": {"name": "m", "version": "2"}, "global_key": "{body.meta.file}",
    })  # fmt: skip

    (filled,) = mapping.apply({"annotations": [], "meta": {"file": "a.jpg"}})
    (kept,) = mapping.apply({"annotations": [], "projectId": "q", "dataRow": {"id": "r"}, "model": {"name": "own"}})

    assert filled["projectId"] == "p"
    assert filled["dataRow"] == {"globalKey": "a.jpg"}
    assert filled["model"] == {"name": "m", "version": "2"}
    assert (kept["projectId"], kept["dataRow"], kept["model"]) == ("q", {"id": "r"}, {"name": "own"})


def test_facts_for_the_key_beside_the_annotations_are_no_fields_of_the_message() -> None:
    mapping = mapping_of({"project": "p", "global_key": "{body.meta.file}{body.version}"})

    (message,) = mapping.apply({"annotations": [], "version": 1, "meta": {"file": "a.jpg"}})

    assert message == {"projectId": "p", "dataRow": {"globalKey": "a.jpg1"}, "annotations": [], "version": 1}
    prepare(message)


def test_options_of_a_command_replace_what_the_file_says() -> None:
    mapping = mapping_of({"project": "p", "model": "m", "global_key": "{record.key}"})

    (message,) = mapping.with_defaults("q", "n", "{record.id}").apply({"annotations": []}, id="7", key="8")

    assert (message["projectId"], message["model"], message["dataRow"]) == ("q", {"name": "n"}, {"globalKey": "7"})


def test_the_mapped_message_leaves_the_given_one_alone() -> None:
    message = {"dataRow": {"id": "r"}, "annotations": [{"name": "person", **BOX}]}

    mapping_of({**TABLE, "project": "p"}).apply(message)

    assert message == {"dataRow": {"id": "r"}, "annotations": [{"name": "person", **BOX}]}
