"""Links between two annotations of a data row (format reference, section 2.11)."""

from collections.abc import Mapping
from typing import Any

from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.checks.values import known_keys, mapping

Neighbours = Mapping[bytes, str]
"""Objects of the same data row in the same import: canonical uuid → the feature's schema id, "" if unknown."""

_KEYS = frozenset({"source", "sourceOntologyName", "target", "type", "readonly"})


def check_relationship(value: Any, edge: Feature, neighbours: Neighbours) -> None:
    """Two different objects of the data row, of kinds that the edge allows."""
    link = mapping(value, "relationship")
    known_keys(link, _KEYS, "relationship")
    if ("source" in link) == ("sourceOntologyName" in link):
        raise invalid("relationship", "Either source or source_ontology_name must be provided")
    if "sourceOntologyName" in link:
        raise invalid("relationship.sourceOntologyName", "Only documents have it.")
    if "target" not in link:
        raise invalid("relationship.target", MISSING)
    if link.get("type") not in ("unidirectional", "bidirectional"):
        raise invalid("relationship.type", "Must be one of: unidirectional, bidirectional.")
    source, target = _uuid(link, "source"), _uuid(link, "target")
    if source == target:
        raise invalid("relationship", "source and target are the same annotation.")
    for word, uuid in (("source", source), ("target", target)):
        if uuid not in neighbours:
            raise Refused("InvalidAnnotation", f"relationship {word} is not an object of this data row in this import")
    _allowed(edge, neighbours[source], neighbours[target], both_ways=link["type"] == "bidirectional")


def _uuid(link: dict[str, Any], word: str) -> bytes:
    uuid = canonical(link[word])
    if uuid is None:
        raise invalid(f"relationship.{word}", "Not a valid UUID.")
    return uuid


def _allowed(edge: Feature, source: str, target: str, *, both_ways: bool) -> None:
    pairs = edge.constraints
    if pairs is None or (source, target) in pairs or (both_ways and (target, source) in pairs):
        return
    raise Refused("InvalidAnnotation", "relationship: the ontology does not allow an edge between these features")
