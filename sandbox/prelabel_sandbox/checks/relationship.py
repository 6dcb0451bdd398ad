"""Links between two annotations of a data row (docs/reference/labelbox-format.md#2-11)."""

from typing import Any

from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.scene import Neighbour, Scene
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.checks.values import known_keys, mapping

_KEYS = frozenset({"source", "sourceOntologyName", "target", "type", "readonly"})


def check_relationship(line: dict[str, Any], edge: Feature, scene: Scene) -> None:
    """Check a link between two different objects of the data row, of kinds that the edge allows."""
    link = _link(line)
    if "sourceOntologyName" in link:
        raise invalid("relationship.sourceOntologyName", "Only documents have it.")
    source, target = _ends(link, scene)
    if not source.is_object:
        raise _not_an_object("source")
    _allowed(edge, source.schema_id, target.schema_id, link["type"])


def check_document_relationship(line: dict[str, Any], edge: Feature, scene: Scene) -> None:
    """Check a link whose source may also be an answer, or the name of a classification of the ontology."""
    link = _link(line)
    if "sourceOntologyName" in link:
        source = scene.ontology.classifications.find({"name": link["sourceOntologyName"]}).schema_id
        target = _target(link, scene)
    else:
        neighbour, target = _ends(link, scene)
        source = neighbour.schema_id
    _allowed(edge, source, target.schema_id, link["type"])


def _link(line: dict[str, Any]) -> dict[str, Any]:
    link = mapping(line["relationship"], "relationship")
    known_keys(link, _KEYS, "relationship")
    if ("source" in link) == ("sourceOntologyName" in link):
        raise invalid("relationship", "Either source or source_ontology_name must be provided")
    if "target" not in link:
        raise invalid("relationship.target", MISSING)
    if link.get("type") not in ("unidirectional", "bidirectional"):
        raise invalid("relationship.type", "Must be one of: unidirectional, bidirectional.")
    if type(link.get("readonly", False)) is not bool:
        raise invalid("relationship.readonly", "Not a valid boolean.")
    return link


def _ends(link: dict[str, Any], scene: Scene) -> tuple[Neighbour, Neighbour]:
    source, target = _uuid(link, "source"), _uuid(link, "target")
    if source == target:
        raise invalid("relationship", "source and target are the same annotation.")
    return _neighbour(source, "source", scene), _target(link, scene)


def _target(link: dict[str, Any], scene: Scene) -> Neighbour:
    """Return the target, which must be an object."""
    target = _neighbour(_uuid(link, "target"), "target", scene)
    if not target.is_object:
        raise _not_an_object("target")
    return target


def _uuid(link: dict[str, Any], word: str) -> bytes:
    uuid = canonical(link[word])
    if uuid is None:
        raise invalid(f"relationship.{word}", "Not a valid UUID.")
    return uuid


def _neighbour(uuid: bytes, word: str, scene: Scene) -> Neighbour:
    neighbour = scene.neighbours.get(uuid)
    if neighbour is None:
        raise Refused("InvalidAnnotation", f"relationship {word} is not an annotation of this data row in this import")
    return neighbour


def _not_an_object(word: str) -> Refused:
    return Refused("InvalidAnnotation", f"relationship {word} is not an object")


def _allowed(edge: Feature, source: str, target: str, direction: str) -> None:
    pairs = edge.constraints
    if pairs is None or (source, target) in pairs or (direction == "bidirectional" and (target, source) in pairs):
        return
    raise Refused("InvalidAnnotation", "relationship: the ontology does not allow an edge between these features")
