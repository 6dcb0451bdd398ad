"""One cause has one fingerprint in every project, so that error groups can span projects."""

import orjson
import pytest

from prelabel.errors import MessageError
from prelabel_worker.chunks.held_rows import Problem, facts_of
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

PROJECTS = ("cm0a1b2c3d4e5f6g7h8i9j0k1", "cm1z9y8x7w6v5u4t3s2r1q0p9")
ONTOLOGY = Ontology.from_normalized(
    {
        "tools": [
            {"tool": "rectangle", "name": "Person", "featureSchemaId": "p"},
            {"tool": "line", "name": "Quay", "featureSchemaId": "q"},
        ],
        "classifications": [
            {
                "type": "radio",
                "name": "light",
                "instructions": "light",
                "featureSchemaId": "l",
                "options": [{"label": "day", "value": "day", "featureSchemaId": "d"}],
            }
        ],
    },
    "IMAGE",
)
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
WRONG = {
    "unknown feature": {"name": "Persn", "bbox": BOX},
    "wrong kind": {"name": "Quay", "bbox": BOX},
    "wrong field": {"name": "Person", "bbox": {**BOX, "left": "x"}},
    "unknown option": {"name": "light", "answer": {"name": "dai"}},
    "wrong nesting": {"name": "Person", "bbox": BOX, "classifications": [{"name": "size", "answer": {"name": "s"}}]},
}


def fingerprint(project_id: str, key: str, annotation: object, named: str | None = None) -> str:
    """Return the fingerprint of a message that its project refuses."""
    body = {"projectId": named or project_id, "dataRow": {"globalKey": key}, "annotations": [annotation]}
    raw = orjson.dumps({"messageId": f"id of {key}", "model": {"name": key}, **body})
    with pytest.raises(MessageError) as raised:
        RowBuilder(project_id, ONTOLOGY).build(raw)
    return Problem(raised.value.reason, raised.value.details()).fingerprint(facts_of(raw))


@pytest.mark.parametrize("annotation", WRONG.values(), ids=WRONG)
def test_a_cause_has_one_fingerprint_in_two_projects(annotation: object) -> None:
    first, second = (fingerprint(name, f"row {name}", annotation) for name in PROJECTS)

    assert first == second


def test_a_wrong_project_is_one_cause_in_two_projects() -> None:
    one, other = PROJECTS

    assert fingerprint(one, "a", {"name": "Person", "bbox": BOX}, other) == fingerprint(
        other, "b", {"name": "Person", "bbox": BOX}, one
    )


def test_two_causes_have_two_fingerprints() -> None:
    assert len({fingerprint(PROJECTS[0], "a", annotation) for annotation in WRONG.values()}) == len(WRONG)
