"""Links between two annotations of one data row (ndjson-formats, section 2.11)."""

from typing import Any, Literal

from prelabel.annotations.base import (
    Annotation,
    CheckFailed,
    Name,
    Wire,
    canonical_uuid,
    check_envelope,
    for_people,
)


class Link(Wire):
    """From `source` (a uuid; on documents perhaps `source_ontology_name`) to `target` (a uuid)."""

    source: str | None = None
    source_ontology_name: Name | None = None
    target: str
    type: Literal["unidirectional", "bidirectional"] = "unidirectional"
    readonly: bool | None = None


def check_relationship(annotation: Any) -> None:
    """The rules between the fields of a relationship."""
    check_envelope(annotation)
    link = annotation.relationship
    if (link.source is None) == (link.source_ontology_name is None):
        found = "none" if link.source is None else "both"
        raise CheckFailed("relationship", found, "exactly one of source and sourceOntologyName")
    ends = []
    for word in ("source", "target"):
        value = getattr(link, word)
        if value is not None:
            ends.append(canonical_uuid(value))
            if ends[-1] is None:
                raise CheckFailed(f"relationship.{word}", value, "a UUID (32 hexadecimal digits)")
    if len(ends) == 2 and ends[0] == ends[1]:
        raise CheckFailed("relationship.target", link.target, "another annotation than source")


class Relationship(Annotation):
    """A link between annotations of the same message: `Relationship("moored at", source=uuid1, target=uuid2)`.

    Both ends carry explicit uuids, since a derived one is not known to the producer.
    """

    CHECKS = (check_relationship,)

    relationship: Link

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        source: str | None = None,
        target: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's word
        **fields: Any,
    ) -> None:
        given = {"source": source, "target": target, "type": type}
        if any(value is not None for value in given.values()):
            fields["relationship"] = {key: value for key, value in given.items() if value is not None}
        super().__init__(name, **fields)
