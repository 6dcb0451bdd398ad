"""Links between two annotations of one data row (docs/reference/labelbox-format.md#2-11)."""

from typing import Any, ClassVar, Literal

from prelabel.annotations.base import Annotation, CheckFailed, Name, Rule, Wire, for_people, read_uuid, with_arguments


class Link(Wire):
    """A link from `source` (a uuid) to `target` (a uuid), one-way by default.

    On documents, `source_ontology_name` may replace `source`.
    """

    source: str | None = None
    source_ontology_name: Name | None = None
    target: str
    type: Literal["unidirectional", "bidirectional"] | None = None
    readonly: bool | None = None


def check_link(annotation: Any) -> None:
    """Check that a link has one source, and that its ends differ; rewrite both uuids in the canonical spelling."""
    link = annotation.relationship
    if (link.source is None) == (link.source_ontology_name is None):
        sources = "none" if link.source is None else "both"
        raise CheckFailed("relationship", sources, "exactly one of source and sourceOntologyName")
    link.target = read_uuid(link.target, "relationship.target")
    if link.source is not None:
        link.source = read_uuid(link.source, "relationship.source")
    if link.source == link.target:
        raise CheckFailed("relationship.target", "the source", "another annotation than source")
    if link.type is None:
        link.type = "unidirectional"  # as the official SDK writes it; its reader needs the key


class Relationship(Annotation):
    """A link between annotations of the same message: `Relationship("moored at", source=uuid1, target=uuid2)`.

    Both linked annotations need uuids of their own, since the producer does not know the uuids that workers derive.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_link,)

    relationship: Link

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        source: object = None,
        target: object = None,
        type: str | None = None,  # noqa: A002 - the wire's word
        **fields: Any,
    ) -> None:
        ends = {word: None if uuid is None else str(uuid) for word, uuid in (("source", source), ("target", target))}
        super().__init__(
            **with_arguments(fields, name=name, relationship=with_arguments({}, **ends, type=type) or None)
        )
