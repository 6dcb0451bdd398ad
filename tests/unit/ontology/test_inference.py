"""An ontology proposed from predictions: it takes them, and says where they contradict themselves."""

import io
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel.validation.gate import read_message
from prelabel_worker.ontology.file import read_ontology
from prelabel_worker.ontology.inference import MAX_FEATURES, Inference, Proposal, TooManyFeatures
from prelabel_worker.rendering.file_validation import OfProject, validate
from tests.golden import HARBOUR, media, strategies
from tests.support.media_examples import FOLDER, MEDIA

BOX = {"bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
POINT = {"point": {"x": 1, "y": 2}}


def message(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations}


def inferred(*messages: dict[str, Any]) -> Proposal:
    inference = Inference()
    for at, each in enumerate(messages, 1):
        inference.add(*read_message(orjson.dumps(each)), f"line {at}")
    return inference.proposal()


def refused(proposal: Proposal, *messages: dict[str, Any]) -> list[str]:
    """What `prelabel validate --ontology` says against the messages."""
    content = b"\n".join(orjson.dumps(each) for each in messages)
    check = OfProject(read_ontology(proposal.ontology).ontology)
    report = validate(read_lines(io.BytesIO(content), LineOptions("p", mixed=True)), check, 20)
    return [fault.text for fault in report.errors]


def names_of_ids(node: Any, found: dict[str, str]) -> dict[str, str]:
    for each in node if isinstance(node, list) else node.values():
        if isinstance(each, dict | list):
            names_of_ids(each, found)
    if isinstance(node, dict) and "featureSchemaId" in node:
        found[node["featureSchemaId"]] = str(node.get("name") or node.get("value"))
    return found


NAMES = names_of_ids(HARBOUR, {})


def named(node: Any) -> Any:
    """The same with features and options named: ids are those of an ontology that exists already."""
    if isinstance(node, list):
        return [named(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {key: named(each) for key, each in node.items() if key not in ("schemaId", "featureSchemaId")}
    return plain | ({"name": NAMES[node["schemaId"]]} if "schemaId" in node else {})


every_media = st.sampled_from(sorted(media.ANNOTATIONS)).flatmap(
    lambda each: st.lists(media.messages(each), min_size=1, max_size=4)
)
several = st.one_of(st.lists(strategies.messages(), min_size=1, max_size=4), every_media)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(several)
def test_what_is_proposed_for_valid_messages_takes_them(messages: list[dict[str, Any]]) -> None:
    messages = [named(each) for each in messages]

    proposal = inferred(*messages)

    assert proposal.conflicts == ()
    assert refused(proposal, *messages) == []


@pytest.mark.parametrize("name", MEDIA)
def test_the_example_of_each_media_type_is_taken_by_what_is_proposed_for_it(name: str) -> None:
    lines = (FOLDER / f"{name}.ndjson").read_bytes().splitlines()
    messages = [{"projectId": "p"} | orjson.loads(line) for line in lines]

    proposal = inferred(*messages)

    assert (proposal.conflicts, refused(proposal, *messages)) == ((), [])
    assert proposal.ontology["mediaType"] in (None, MEDIA[name])


def test_features_options_and_nesting_come_from_all_rows_together() -> None:
    deep = {"name": "state", "answer": {"name": "damaged", "classifications": [{"name": "how", "answer": "dent"}]}}
    whole = {"name": "state", "answer": {"name": "whole"}}
    proposal = inferred(
        message({"name": "ship", **BOX, "classifications": [whole]}),
        message({"name": "ship", **BOX, "classifications": [deep]}, {"name": "flags", "answer": [{"name": "red"}]}),
    )

    (ship,) = proposal.ontology["tools"]
    (state,) = ship["classifications"]
    assert (ship["tool"], state["type"]) == ("rectangle", "radio")
    assert [option["value"] for option in state["options"]] == ["whole", "damaged"]
    assert [(each["type"], each["name"]) for each in state["options"][1]["options"]] == [("text", "how")]
    assert [(each["type"], each["scope"]) for each in proposal.ontology["classifications"]] == [("checklist", "global")]


def test_a_classification_that_ever_has_several_options_is_a_checklist() -> None:
    one, two = {"name": "f", "answer": {"name": "a"}}, {"name": "f", "answer": [{"name": "b"}, {"name": "c"}]}
    proposal = inferred(message(one), message(two))

    assert proposal.conflicts == ()
    assert proposal.ontology["classifications"][0]["type"] == "checklist"
    assert refused(proposal, message(one), message(two)) == []


def test_a_name_of_two_kinds_is_a_conflict_that_names_both_and_keeps_the_more_frequent() -> None:
    box, point = {"name": "car", **BOX}, {"name": "car", **POINT}
    proposal = inferred(message(box, box), message(point))

    assert [each["tool"] for each in proposal.ontology["tools"]] == ["rectangle"]
    (conflict,) = proposal.conflicts
    assert "'car'" in conflict
    assert "rectangle 2 times, first line 1" in conflict
    assert "point 1 times, first line 2" in conflict
    assert len(refused(proposal, message(box, box), message(point))) == 1


def test_a_text_and_an_option_under_one_name_are_a_conflict_wherever_they_stand() -> None:
    texts = {"name": "ship", **BOX, "classifications": [{"name": "n", "answer": "x"}]}
    option = {"name": "ship", **BOX, "classifications": [{"name": "n", "answer": {"name": "x"}}]}

    (conflict,) = inferred(message(texts), message(option)).conflicts

    assert "'ship / n'" in conflict


def test_kinds_that_no_media_type_takes_together_are_a_conflict() -> None:
    entity = {"name": "e", "location": {"start": 0, "end": 3}}

    proposal = inferred(message({"name": "b", **BOX}), message(entity))

    assert proposal.conflicts == ("no media type takes all of bounding box, text entity",)
    assert proposal.ontology["mediaType"] is None


def test_features_that_only_ids_name_are_counted_and_not_proposed() -> None:
    proposal = inferred(message({"schemaId": "c" * 25, **BOX}), message({"name": "b", "schemaId": "d" * 25, **BOX}))

    assert [each["name"] for each in proposal.ontology["tools"]] == ["b"]
    assert any(
        each.startswith("features and options named by schemaId alone are not proposed (1)")
        for each in proposal.remarks
    )
    assert any(each.endswith("schemaIds in the predictions will not fit: 1 feature") for each in proposal.remarks)


def test_more_features_than_an_ontology_has_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(TooManyFeatures):
        inferred(*(message({"name": f"class {at}", **BOX}) for at in range(MAX_FEATURES + 1)))


def test_projects_that_have_other_classifications_are_not_proposed() -> None:
    (remark,) = inferred(message({"name": "weather", "answer": {"name": "fog"}})).remarks

    assert "IMAGE" in remark
    assert "PROMPT" not in remark
    assert "DICOM" not in remark


def test_an_empty_checklist_is_one() -> None:
    proposal = inferred(message({"name": "flags", "answer": []}, {"name": "remark", "answer": ""}))

    assert [each["type"] for each in proposal.ontology["classifications"]] == ["checklist", "text"]
