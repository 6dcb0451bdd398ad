"""A message as it came → its lines, ready for an import: every check of one row, in one pass. Pure."""

from dataclasses import dataclass
from typing import Any

from prelabel.annotations.kinds import Kind
from prelabel.errors import MalformedMessage, Reason
from prelabel.gate import data_row_key, decode_message
from prelabel_worker.identity import ProjectIdentity, RowIdentity, uuid_text
from prelabel_worker.ndjson import lines, normalise
from prelabel_worker.ontology import Feature, Ontology

_FORMS = {"i": "id", "k": "globalKey"}


@dataclass(slots=True)
class BuiltRow:
    """A row that can be imported. `uuids` are 16 bytes each in the order of `lines`; `explicit` the producer's own."""

    data_row_key: str
    model: str
    message_id: str | None
    lines: bytes
    uuids: list[bytes]
    explicit: tuple[bytes, ...]


class RowBuilder:
    """Builds the rows of one project with one ontology."""

    def __init__(self, project_id: str, ontology: Ontology, *, data_row_form: str | None = None) -> None:
        self._project_id = project_id
        self._ontology = ontology
        self._form = data_row_form
        self._identity = ProjectIdentity(project_id)

    def build(self, raw: bytes) -> BuiltRow:
        """Check a message and render it. Raises MessageError."""
        message, kinds = decode_message(raw)
        key = data_row_key(message.data_row)
        if message.project_id != self._project_id or (self._form is not None and key[0] != self._form):
            raise self._misplaced(message, key)
        model = message.model.name if message.model is not None else ""
        uuids, explicit = self._fill(message, kinds, self._identity.row(key, model))
        return BuiltRow(key, model, message.message_id, lines(message.annotations), uuids, explicit)

    def _fill(self, message: Any, kinds: list[Kind], identity: RowIdentity) -> tuple[list[bytes], tuple[bytes, ...]]:
        """Give each annotation its uuid and its data row, and take out what is not sent."""
        ordinals: dict[str, int] = {}
        uuids: list[bytes] = []
        explicit: list[bytes] = []
        features: list[Feature] = []
        linked = False
        for at, (annotation, kind) in enumerate(zip(message.annotations, kinds, strict=True)):
            feature = self._ontology.feature_of(annotation, kind, at)
            ordinal = ordinals.get(feature.id, 0)
            ordinals[feature.id] = ordinal + 1
            if annotation.uuid is None:
                uuid = identity.uuid(feature.digest, ordinal)
                annotation.uuid = uuid_text(uuid)
            else:
                uuid = bytes.fromhex(annotation.uuid.replace("-", ""))
                explicit.append(uuid)
            uuids.append(uuid)
            annotation.data_row = message.data_row
            normalise(annotation, feature.type)
            features.append(feature)
            linked = linked or annotation.relationship is not None
        if linked:
            self._check_links(message.annotations, features)
        return uuids, tuple(explicit)

    def _check_links(self, annotations: list[Any], features: list[Feature]) -> None:
        feature_of = {annotation.uuid: feature for annotation, feature in zip(annotations, features, strict=True)}
        for at, (annotation, edge) in enumerate(zip(annotations, features, strict=True)):
            link = annotation.relationship
            if link is not None and link.source is not None:
                source, target = feature_of[link.source], feature_of[link.target]
                both_ways = link.type == "bidirectional"
                self._ontology.check_link(edge, source, target, both_ways, f"annotations[{at}].relationship")

    def _misplaced(self, message: Any, key: str) -> MalformedMessage:
        if message.project_id != self._project_id:
            return MalformedMessage(
                Reason.WRONG_PROJECT, "projectId", message.project_id, f"{self._project_id}, whose inbox this is"
            )
        return MalformedMessage(
            Reason.DATA_ROW_FORM,
            "dataRow",
            _FORMS[key[0]],
            f"{_FORMS[str(self._form)]}, as this project's first message wrote it",
        )
