"""Check a published message and render it as lines for an import, in one pass over its annotations. No I/O."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import orjson

from prelabel.annotations.kinds import BY_NAME, KINDS, Kind
from prelabel.annotations.together import MAX_PER_FEATURE, check_count
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason
from prelabel.printing import command
from prelabel.validation.gate import data_row_key, read_message, slow_count
from prelabel.validation.written_path import AT_ANNOTATION, as_written
from prelabel_worker.ontology.answered_once import Asked, check_once
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.ontology.tree import Feature
from prelabel_worker.rendering.built_rows import NONE, BuiltRow, BuiltRows
from prelabel_worker.rendering.identity import (
    FORMS,
    ProjectIdentity,
    packed_row_key,
    split_uuids,
    unsent_line,
    uuid_bytes,
    uuid_texts,
)
from prelabel_worker.rendering.ndjson import lines, strip

_LINK = BY_NAME["relationship"]
_TOGETHER_BYTES = 64 * 1024
"""Messages of so many bytes are built together."""


_Plain = tuple[Any, str, str, bytes, list[bytes], bool]
"""A plain message that fits the project, before its lines are rendered: its data row key, model and row key, the digest
of each annotation's feature, and whether Labelbox imports the annotations slowly."""


class RowBuilder:
    """Builds the rows of one project with one ontology. Safe to share between threads.

    `data_row_forms` says how rows may name their data rows: "i" by id, "k" by global key, "ik" in both ways; "" while
    nothing is decided, which permits both.
    """

    def __init__(
        self,
        project_id: str,
        ontology: Ontology,
        *,
        data_row_forms: str = "",
        ground_truth: bool = False,
    ) -> None:
        self._project_id = project_id
        self._ontology = ontology
        self._forms = data_row_forms
        self._ground_truth = ground_truth
        self._identity = ProjectIdentity(project_id)
        self._leaves_out = any(ontology.unidentified(kind) for kind in KINDS)
        self._plain = {
            kind.name: (
                {name: feature.digest for name, feature in ontology.plain(kind).items()},
                ontology.is_slow(kind),
            )
            for kind in KINDS
        }
        """Name of a kind → the digest of each feature that a name is enough for; whether Labelbox imports it slowly."""

    def build(self, raw: bytes) -> BuiltRow:
        """Check a message and render it. Raises MessageError, with paths as the message has them."""
        built = self.build_all((raw,))
        for _, error in built.refused:
            raise error
        return built.row(0)

    def build_all(self, messages: Sequence[bytes]) -> BuiltRows:
        """Check messages and render those that are right."""
        built, plain, size = BuiltRows(), list[_Plain](), 0
        for place, raw in enumerate(messages):
            try:
                row = self._build(raw, plain)
            except MessageError as error:
                built.refused.append((place, self._explained(error, raw)))
                continue
            built.place.append(place)
            size += len(raw)
            if row is not None or size >= _TOGETHER_BYTES:
                self._render(plain, built)
                plain, size = [], 0
            if row is not None:
                built.append(row)
        self._render(plain, built)
        return built

    def _build(self, raw: bytes, plain: "list[_Plain]") -> BuiltRow | None:
        """Check a message and render it, unless the gate found it to be plain: then add it to `plain`."""
        message, kinds = read_message(raw)
        key = data_row_key(message.data_row)
        if message.project_id != self._project_id or (self._forms and key[0] not in self._forms):
            raise self._misplaced(message, key)
        model = "" if message.model is None else message.model.name
        row_key = packed_row_key(key, model)
        if not kinds:
            return _empty(message, key, model, row_key)
        if not message.plain:
            return self._build_any(message, kinds, (key, model, row_key))
        digests, is_slow = self._plain[kinds[0].name]
        try:
            features = [digests[annotation.name] for annotation in message.annotations]
        except KeyError:  # a name that is wrong, or that needs more checks than the look-up
            features = self._resolved(message, kinds[0])
        plain.append((message, key, model, row_key, features, is_slow))
        return None

    def _build_any(self, message: Any, kinds: list[Kind], row: tuple[str, str, bytes]) -> BuiltRow:
        """Render a message of any kinds; `row` is its data row key, model and row key."""
        key, model, row_key = row
        if self._ground_truth and _LINK in kinds:
            raise _only_pre_labels(kinds.index(_LINK))
        annotations = message.annotations
        features = self._features(message, kinds)
        uuids, explicit, counts = self._identify(message, features, row_key)
        if _LINK in kinds:
            self._check_links(annotations, features)
        adds = False
        if self._leaves_out:
            sent = uuids
            uuids = self._without_uuid(annotations, kinds, uuids, explicit, (key, model))
            adds = uuids != sent
            counts = NONE if adds else counts
        return BuiltRow(
            data_row_key=key,
            model=model,
            message_id=message.message_id,
            row_key=row_key,
            lines=lines(annotations),
            line_count=len(annotations),
            packed_uuids=uuids,
            explicit=explicit,
            slow=self._ontology.slow(kinds) if self._ontology.tiled else slow_count(kinds),
            counts=counts,
            adds=adds,
        )

    def _resolved(self, message: Any, kind: Kind) -> list[bytes]:
        """Return the features' digests of a plain message; raises NotInOntology or InvalidAnnotation."""
        resolve = self._ontology.resolve
        return [resolve(one, kind, f"annotations[{at}]").digest for at, one in enumerate(message.annotations)]

    def _render(self, rows: "list[_Plain]", built: BuiltRows) -> None:
        """Render plain messages and add their rows."""
        if not rows:
            return
        messages, keys, models, row_keys, features, are_slow = zip(*rows, strict=True)
        packed, counts = self._identity.derive(zip(row_keys, features, strict=True))
        texts = iter(uuid_texts(packed))
        for message in messages:
            data_row = message.data_row
            if message.confident:
                for annotation in message.annotations:
                    annotation.confidence = None
            for annotation, text in zip(message.annotations, texts, strict=False):  # leaves the texts of the next rows
                annotation.uuid = text
                annotation.data_row = data_row
        line_count = [*map(len, features)]
        bounds = [16 * bound for bound in accumulate(line_count, initial=0)]
        built.data_row_key += keys
        built.model += models
        built.message_id += [message.message_id for message in messages]
        built.row_key += row_keys
        built.lines += [lines(message.annotations) for message in messages]
        built.line_count += line_count
        built.packed_uuids += [packed[start:end] for start, end in pairwise(bounds)]
        built.slow += [count if slow else 0 for count, slow in zip(line_count, are_slow, strict=True)]
        built.counts += counts
        built.adds += [False] * len(rows)

    def _explained(self, error: MessageError, raw: bytes) -> MessageError:
        """Return an error with the path as it was written; about the kind, if the media type does not accept it."""
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return error
        error = as_written(error, message)
        place = AT_ANNOTATION.match(error.path)
        if place is None or not isinstance(message, dict):
            return error
        return self._ontology.about_kind(message["annotations"][int(place[1])], error, place[0])

    def _identify(
        self, message: Any, features: list[Feature], row_key: bytes
    ) -> tuple[bytes, Mapping[bytes, int], Mapping[bytes, int]]:
        """Set the data row of each annotation, and its uuid unless the producer gave one.

        Returns `packed_uuids`, `explicit` and `counts` of `BuiltRow`.
        """
        uuids, (counts,) = self._identity.derive([(row_key, [feature.digest for feature in features])])
        data_row = message.data_row
        given: dict[bytes, int] = {}
        for at, (annotation, text) in enumerate(zip(message.annotations, uuid_texts(uuids), strict=True)):
            annotation.data_row = data_row
            if annotation.uuid is None:
                annotation.uuid = text
            else:
                given[uuid_bytes(annotation.uuid)] = at
        if not given:
            return uuids, NONE, counts
        each = split_uuids(uuids)
        for uuid, at in given.items():
            each[at] = uuid
        return b"".join(each), given, NONE

    def _without_uuid(
        self,
        annotations: list[Any],
        kinds: list[Kind],
        uuids: bytes,
        explicit: Mapping[bytes, int],
        row: tuple[str, str],
    ) -> bytes:
        """Remove the derived uuids of lines that are sent without one; return `BuiltRow.packed_uuids`."""
        marked = split_uuids(uuids)
        for at, (annotation, kind) in enumerate(zip(annotations, kinds, strict=True)):
            if self._ontology.unidentified(kind) and marked[at] not in explicit:
                annotation.uuid = None
                marked[at] = unsent_line(*row, at)
        return b"".join(marked)

    def _features(self, message: Any, kinds: list[Kind]) -> list[Feature]:
        """Check the annotations, remove the fields that are not sent, and return the feature of each annotation."""
        features: list[Feature] = []
        asked: list[Asked] = []
        last: Kind | None = None
        plain: Mapping[str, Feature] = {}
        for annotation, kind in zip(message.annotations, kinds, strict=True):
            if kind is not last:
                last, plain = kind, self._ontology.plain(kind)
            feature = plain.get(annotation.name)
            if feature is None or annotation.schema_id is not None or annotation.classifications is not None:
                feature = self._ontology.resolve(annotation, kind, f"annotations[{len(features)}]")
                strip(annotation)
                if kind.once:
                    asked.append((len(features), annotation, kind, feature))
            elif annotation.confidence is not None or annotation.custom_metrics is not None:
                annotation.confidence = annotation.custom_metrics = None
            if annotation.is_benchmark_reference_label is not None and not self._ground_truth:
                raise _only_ground_truth(len(features))
            features.append(feature)
        if self._ontology.has_prompt:
            _check_prompts(features)
        if len(asked) > 1:
            check_once(asked)
        if len(features) > MAX_PER_FEATURE:
            check_count(feature.id for feature in features)
        return features

    def _check_links(self, annotations: list[Any], features: list[Feature]) -> None:
        feature_of = {annotation.uuid: feature for annotation, feature in zip(annotations, features, strict=True)}
        for at, (annotation, edge) in enumerate(zip(annotations, features, strict=True)):
            link, path = annotation.relationship, f"annotations[{at}].relationship"
            if link is None:
                continue
            if link.source is None:
                self._ontology.check_source_name(link.source_ontology_name, path)
                continue
            source, target = feature_of[link.source], feature_of[link.target]
            self._ontology.check_link(edge, source, target, link.type == "bidirectional", path)

    def _misplaced(self, message: Any, key: str) -> MalformedMessage:
        if message.project_id != self._project_id:
            expected = f"{self._project_id}, whose inbox this is"
            return MalformedMessage(Reason.WRONG_PROJECT, "projectId", message.project_id, expected)
        expected = f"{FORMS[self._forms]}, which the project's imported rows have or its settings ask for"
        hint = command("project set", self._project_id, data_row_forms="both")
        return MalformedMessage(Reason.DATA_ROW_FORM, "dataRow", FORMS[key[0]], expected, hint)


def _empty(message: Any, key: str, model: str, row_key: bytes) -> BuiltRow:
    """Return the row of a message without annotations, which has no line to send."""
    return BuiltRow(
        data_row_key=key,
        model=model,
        message_id=message.message_id,
        row_key=row_key,
        lines=b"",
        line_count=0,
        packed_uuids=b"",
        slow=0,
        counts=NONE,
    )


def _only_pre_labels(at: int) -> InvalidAnnotation:
    """Return the error for a relationship in ground truth.

    Labelbox refuses it there: docs/reference/labelbox-format.md#2-11.
    """
    return InvalidAnnotation(
        Reason.PRE_LABELS_ONLY,
        f"annotations[{at}].relationship",
        "a relationship",
        "none: the project's rows are imported as ground truth, and Labelbox takes relationships as pre-labels only",
        "prelabel project set PROJECT --as pre-labels",
    )


def _only_ground_truth(at: int) -> InvalidAnnotation:
    """Return the error for the mark of a benchmark in pre-labels (docs/reference/labelbox-format.md#1-7)."""
    return InvalidAnnotation(
        Reason.GROUND_TRUTH_ONLY,
        f"annotations[{at}].isBenchmarkReferenceLabel",
        "a benchmark mark",
        "none: the project's rows are imported as pre-labels, and Labelbox takes the mark in ground truth only",
        "prelabel project set PROJECT --as ground-truth",
    )


def _check_prompts(features: list[Feature]) -> None:
    """Check that a data row has at most one prompt (docs/reference/labelbox-format.md#2-25)."""
    prompts = [at for at, feature in enumerate(features) if feature.type == "prompt"]
    if len(prompts) > 1:
        path, expected = f"annotations[{prompts[1]}]", "one prompt on a data row"
        raise InvalidAnnotation(Reason.TOO_MANY_ANNOTATIONS, path, f"{len(prompts)}", expected)
