"""Convert a label's relationships, which refer to the linked annotations by uuid."""

import hashlib
from typing import Any

from labelbox import types as lb

from prelabel.annotations.base import canonical_uuid
from prelabel.errors import InvalidAnnotation, Reason
from prelabel.sdk.objects import UNGROUPED, envelope, filled, own_uuid

_PERSON = b"prelabel.sdk.1"


class Ends:
    """The annotations of the labels that relationships link, and their uuids.

    An annotation for which the user gave no uuid gets one that is derived from project, data row, model, feature and
    its position among the feature's annotations. So a label that is built again gets the same uuids; the SDK's own
    uuids are random.
    """

    def __init__(self, labels: tuple[Any, ...], identity: tuple[str, ...]) -> None:
        everything = [annotation for label in labels for annotation in label.annotations]
        links = [
            annotation.value
            for annotation in everything
            if type(annotation) not in UNGROUPED and isinstance(annotation, lb.RelationshipAnnotation)
        ]
        linked = {str(end._uuid) for link in links for end in (link.source, link.target) if end is not None}
        self._uuids: dict[str, str] = {}
        counts: dict[str, int] = {}
        for annotation in everything if linked else ():
            if not isinstance(annotation, lb.ObjectAnnotation | lb.ClassificationAnnotation):
                continue
            feature = annotation.feature_schema_id or annotation.name or ""
            counts[feature] = ordinal = counts.get(feature, -1) + 1
            if (sdk_uuid := str(annotation._uuid)) in linked:
                self._uuids[sdk_uuid] = own_uuid(annotation) or _derived(*identity, feature, str(ordinal))

    def identified(self, annotation: Any, converted: dict[str, Any]) -> dict[str, Any]:
        """Return the converted annotation, with its uuid if a relationship links to it."""
        uuid = self._uuids.get(str(annotation._uuid)) if self._uuids else None
        return converted if uuid is None else {"uuid": uuid} | converted

    def link(self, annotation: Any, path: str) -> dict[str, Any]:
        """Return a relationship. Raises InvalidAnnotation if an end is not in the label."""
        link = annotation.value
        relationship = filled(
            source=None if link.source is None else self._uuid(link.source, f"{path}.relationship.source"),
            sourceOntologyName=link.source_ontology_name,
            target=self._uuid(link.target, f"{path}.relationship.target"),
            type=link.type.value,
            readonly=link.readonly,
        )
        fields = envelope(annotation)
        if "name" in fields:
            fields.pop("schemaId", None)  # as in the SDK, a relationship has the name only
        return fields | {"relationship": relationship}

    def _uuid(self, end: Any, path: str) -> str:
        uuid = self._uuids.get(str(end._uuid))
        if uuid is None:
            found = f"one of '{end.name or end.feature_schema_id}' that is not"
            raise InvalidAnnotation(Reason.BROKEN_RELATIONSHIP, path, found, "an annotation of the same label")
        return uuid


def _derived(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16, person=_PERSON)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    value = int.from_bytes(digest.digest(), "big")
    value = value & ~(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62  # RFC 9562, version 8
    return str(canonical_uuid(f"{value:032x}"))
