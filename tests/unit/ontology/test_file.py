"""Ontologies in files: in the API's form or a builder's, with ids or without."""

import copy
from typing import Any

import orjson
import pytest

from prelabel.errors import MessageError
from prelabel_worker.ontology.file import UnusableOntology, read_ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR

BUILT = {
    "tools": [
        {"schemaNodeId": None, "featureSchemaId": None, "required": False, "name": "vessel", "color": "#1f77b4",
         "tool": "rectangle", "classifications": [
             {"type": "radio", "instructions": "state", "name": "state", "required": False, "featureSchemaId": None,
              "options": [{"label": "whole", "value": "whole", "options": []}, {"label": "broken", "value": "broken"}]}
         ]},
        {"name": "bollard", "tool": "point"},
        {"name": "moored at", "tool": "edge", "definition": {"constraints": [["c1", "c2"]]}},
    ],
    "classifications": [{"type": "text", "instructions": "remark", "name": "remark", "options": []}],
    "relationships": [],
}  # fmt: skip
STATE = {"name": "state", "answer": {"name": "whole"}}
VESSEL = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}, "classifications": [STATE]}
FIRST, SECOND = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102"


def build(content: Any, *annotations: Any, media: str | None = None) -> Any:
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations}
    return RowBuilder("p", read_ontology(content, media).ontology).build(orjson.dumps(message))


def test_what_a_builder_writes_needs_no_ids() -> None:
    row = build(BUILT, VESSEL, {"name": "bollard", "point": {"x": 1, "y": 2}}, {"name": "remark", "answer": "x"})

    assert len(set(row.uuids)) == 3
    with pytest.raises(MessageError, match="'gone'"):
        build(BUILT, VESSEL | {"classifications": [STATE | {"answer": {"name": "gone"}}]})


def test_pairs_of_ids_do_not_forbid_a_link_where_tools_have_none() -> None:
    link = {"name": "moored at", "relationship": {"source": FIRST, "target": SECOND, "type": "unidirectional"}}
    assert build(BUILT, VESSEL | {"uuid": FIRST}, {"name": "bollard", "point": {"x": 1, "y": 2}, "uuid": SECOND}, link)


def test_ids_that_are_there_stay() -> None:
    assert build(HARBOUR, {"schemaId": HARBOUR["tools"][0]["featureSchemaId"], "bbox": VESSEL["bbox"]})


@pytest.mark.parametrize(
    ("content", "given", "media"),
    [
        (HARBOUR, None, None),
        (HARBOUR, "VIDEO", "VIDEO"),
        (HARBOUR | {"mediaType": "TEXT"}, None, "TEXT"),
        ({"mediaType": "IMAGE", "ontology": HARBOUR}, None, "IMAGE"),
        ({"allowedMediaType": "AUDIO", "ontology": {"name": "x", "normalized": HARBOUR}}, None, "AUDIO"),
        (HARBOUR | {"mediaType": "TEXT"}, "IMAGE", "IMAGE"),
    ],
)
def test_the_media_type_is_the_given_one_or_the_file_s(content: Any, given: str | None, media: str | None) -> None:
    found = read_ontology(content, given)

    assert found.media_type == media
    assert found.media_known == (media is not None)
    assert found.remarks == ()


def test_an_unknown_media_type_refuses_nothing() -> None:
    found = read_ontology(HARBOUR, "HOLOGRAM")

    assert not found.media_known
    assert build(HARBOUR, VESSEL | {"classifications": []}, media="HOLOGRAM")


def test_names_and_ids_that_siblings_share_are_told() -> None:
    content: dict[str, Any] = copy.deepcopy(HARBOUR)
    content["tools"].append(dict(content["tools"][2]))
    content["classifications"][0]["options"].append({"label": "clear", "value": "clearer"})

    remarks = read_ontology(content, None).remarks

    assert remarks == (
        "tools: 2 are called 'bollard'",
        "tools: 2 have the featureSchemaId ca268f14ed7a0ba3915391f99",
        "classifications[0].options: 2 are called 'clear'",
    )


@pytest.mark.parametrize(
    "content",
    [None, [], 3, {}, {"tools": 3}, {"tools": ["x"]}, {"tools": [{"tool": "rectangle", "classifications": 3}]},
     {"classifications": [{"options": [{"options": "x"}]}]},
     {"tools": [{"name": "a", "tool": "edge", "featureSchemaId": "x", "definition": {"constraints": 3}}]}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_ontology_is_said_in_a_line(content: Any) -> None:
    with pytest.raises(UnusableOntology):
        read_ontology(content)
