"""Is an annotation right for its project: features, options, nesting, media type (ndjson-formats, sections 3 and 4).

Pure. The hot path is one look-up an annotation: everything that depends on the ontology alone is prepared.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prelabel.annotations.kinds import KINDS, Kind
from prelabel.errors import NotInOntology, Reason
from prelabel_worker.identity import feature_bytes


@dataclass(slots=True)
class Option:
    """One choice of a radio or checklist, and the classifications below it."""

    id: str
    names: tuple[str, ...]
    nested: "Features" = field(default_factory=lambda: Features(()))


@dataclass(slots=True)
class Feature:
    """A tool or classification. `type` is the ontology's word, `kinds` the names of the kinds it takes."""

    id: str
    names: tuple[str, ...]
    type: str
    kinds: frozenset[str]
    archived: bool
    nested: "Features"
    options: "Options"
    constraints: frozenset[tuple[str, str]]
    digest: bytes

    @property
    def name(self) -> str:
        """What a payload calls it."""
        return self.names[0] if self.names else self.id


class _Named:
    """Things found by any of their names, or by id; a name of two things stands for neither."""

    what = ""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = tuple(items)
        self.by_id = {item.id: item for item in self.items if item.id}
        self.by_name: dict[str, Any] = {}
        self._twice: set[str] = set()
        for item in self.items:
            for name in set(item.names):
                if self.by_name.setdefault(name, item) is not item:
                    self._twice.add(name)

    def find(self, named: Any, path: str, missing: Reason) -> Any:
        """By name, by schemaId, or by both when they agree. Raises NotInOntology."""
        name, schema_id = named.name, named.schema_id
        if name in self._twice and schema_id is None:
            raise NotInOntology(Reason.AMBIGUOUS_NAME, f"{path}.name", name, "a schemaId: the name stands for two")
        by_name = self.by_name.get(name) if name is not None else None
        by_id = self.by_id.get(schema_id) if schema_id is not None else None
        if schema_id is not None and by_id is None:
            raise NotInOntology(missing, f"{path}.schemaId", schema_id, f"{self.what} of the project's ontology")
        if name is not None and by_name is None and name not in self._twice:
            near = difflib.get_close_matches(name, self.by_name, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else None
            raise NotInOntology(missing, f"{path}.name", name, f"{self.what} of the project's ontology", hint)
        if by_id is not None and name is not None and name not in by_id.names:
            raise NotInOntology(
                Reason.AMBIGUOUS_NAME, path, f"{name} and {schema_id}", "name and schemaId of one thing"
            )
        return by_id or by_name


class Features(_Named):
    """Features at one level."""

    what = "a feature"


class Options(_Named):
    """The options of one classification."""

    what = "an option"


class Ontology:
    """A project's ontology, prepared for checking."""

    def __init__(self, tools: Iterable[Feature], classifications: Iterable[Feature], media_type: str | None) -> None:
        self._tools = Features(tools)
        self._classifications = Features(classifications)
        known = (media_type or "").upper().replace("_", "").replace("-", "")
        every = frozenset().union(*(kind.media for kind in KINDS))
        # A type nobody knows is not held against the row: Labelbox decides (ndjson-formats, section 3).
        self._refused = {kind.name for kind in KINDS if known in every and known not in kind.media}
        self._media_type = media_type
        self._fast: dict[tuple[str, str], Feature] = {
            (kind.name, name): feature
            for kind in KINDS
            for name, feature in (self._classifications if kind.classifies else self._tools).by_name.items()
            if self._plain(kind, name, feature)
        }

    @classmethod
    def from_normalized(cls, normalized: Mapping[str, Any], media_type: str | None) -> "Ontology":
        """Read what the API answers as `ontology.normalized`; keys it does not know are ignored."""
        return cls(
            [_tool(tool) for tool in normalized.get("tools") or ()],
            [_classification(each) for each in normalized.get("classifications") or ()],
            media_type,
        )

    def feature_of(self, annotation: Any, kind: Kind, at: int) -> Feature:
        """The feature of the message's annotation `at`, after all of it was checked. Raises NotInOntology."""
        feature: Feature | None = self._fast.get((kind.name, annotation.name))
        plain = feature is not None and annotation.schema_id is None and not annotation.classifications
        if feature is not None and plain and not kind.classifies:
            return feature
        path = f"annotations[{at}]"
        if feature is None or annotation.schema_id is not None:
            feature = self._find(annotation, kind, path)
        if kind.classifies:
            _check_answer(annotation, feature, path)
        elif annotation.classifications:
            _check_nested(annotation.classifications, feature.nested, feature.name, path)
        return feature

    def check_link(self, edge: Feature, source: Feature, target: Feature, both_ways: bool, path: str) -> None:
        """Whether the edge tool's constraints, if it has any, allow this pair. Raises NotInOntology."""
        pairs = {(source.id, target.id)} | ({(target.id, source.id)} if both_ways else set())
        if edge.constraints and not pairs & edge.constraints:
            raise NotInOntology(
                Reason.BROKEN_RELATIONSHIP, path, f"{source.name} to {target.name}", f"a pair that {edge.name} allows"
            )

    def _plain(self, kind: Kind, name: str, feature: Feature) -> bool:
        level = self._classifications if kind.classifies else self._tools
        return (
            name not in level._twice
            and kind.name in feature.kinds
            and kind.name not in self._refused
            and not feature.archived
        )

    def _find(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """The long way, which knows what to say."""
        if kind.name in self._refused:
            raise NotInOntology(
                Reason.MEDIA_TYPE, path, f"{kind.name} on {self._media_type}", "a kind this media type takes"
            )
        level, other = self._tools, self._classifications
        if kind.classifies:
            level, other = other, level
        wrong = other.by_name.get(annotation.name) or other.by_id.get(annotation.schema_id)
        if wrong is not None and annotation.name not in level.by_name and annotation.schema_id not in level.by_id:
            raise NotInOntology(Reason.WRONG_KIND, path, f"a {kind.name}", f"what '{wrong.name}' is: {wrong.type}")
        try:
            feature: Feature = level.find(annotation, path, Reason.UNKNOWN_FEATURE)
        except NotInOntology as error:
            above = self._parent_of(annotation.name)
            if error.reason is Reason.UNKNOWN_FEATURE and above:
                raise NotInOntology(
                    Reason.WRONG_NESTING,
                    f"{path}.name",
                    annotation.name,
                    f"nested under '{above}', not at the top level",
                ) from None
            raise
        if feature.archived:
            raise NotInOntology(
                Reason.UNKNOWN_FEATURE, path, f"'{feature.name}', which is archived", "a feature in use"
            )
        if not kind.classifies and kind.name not in feature.kinds:
            raise NotInOntology(Reason.WRONG_KIND, path, f"a {kind.name}", f"what '{feature.name}' is: {feature.type}")
        return feature

    def _parent_of(self, name: str | None) -> str | None:
        """The feature or option below which a classification of this name stands."""
        for feature in (*self._tools.items, *self._classifications.items):
            if name in feature.nested.by_name:
                return str(feature.name)
            for option in feature.options.items:
                if name in option.nested.by_name:
                    return str(option.names[0])
        return None


def _check_answer(item: Any, feature: Feature, path: str) -> None:
    """The answer has its classification's form, and its options exist. One option and a list of one are the same."""
    answer = item.answer if item.answer is not None else item.answers
    if feature.type == "text":
        if not isinstance(answer, str):
            raise NotInOntology(
                Reason.WRONG_ANSWER, f"{path}.answer", "options", f"a text: '{feature.name}' is free text"
            )
        return
    if isinstance(answer, str):
        expected = f"an option: '{feature.name}' is a {feature.type}"
        raise NotInOntology(Reason.WRONG_ANSWER, f"{path}.answer", answer, expected)
    chosen = answer if isinstance(answer, list) else [answer]
    if feature.type == "radio" and len(chosen) > 1:
        raise NotInOntology(
            Reason.WRONG_ANSWER, f"{path}.answer", f"{len(chosen)} options", f"one option: '{feature.name}' is a radio"
        )
    seen: set[int] = set()
    for at, given in enumerate(chosen):
        where = f"{path}.answer[{at}]" if isinstance(answer, list) else f"{path}.answer"
        option = feature.options.find(given, where, Reason.UNKNOWN_OPTION)
        if id(option) in seen:
            raise NotInOntology(Reason.WRONG_ANSWER, where, option.names[0], "each option once")
        seen.add(id(option))
        if given.classifications:
            _check_nested(given.classifications, option.nested, option.names[0], where)


def _check_nested(classifications: Iterable[Any], level: Features, parent: str, path: str) -> None:
    seen: set[int] = set()
    for at, nested in enumerate(classifications):
        where = f"{path}.classifications[{at}]"
        try:
            feature = level.find(nested, where, Reason.WRONG_NESTING)
        except NotInOntology as error:
            if error.reason is not Reason.WRONG_NESTING:
                raise
            expected = f"a classification nested under '{parent}'"
            raise NotInOntology(error.reason, error.path, error.found, expected, error.hint) from None
        if id(feature) in seen:
            raise NotInOntology(Reason.WRONG_ANSWER, where, feature.name, "each classification once")
        seen.add(id(feature))
        _check_answer(nested, feature, where)


def _tool(tool: Mapping[str, Any]) -> Feature:
    kind = str(tool.get("tool"))
    constraints = (tool.get("definition") or {}).get("constraints") or ()
    return Feature(
        id=_id(tool),
        names=_names(tool.get("name")),
        type=kind,
        kinds=frozenset(each.name for each in KINDS if kind in each.tools),
        archived=bool(tool.get("archived")),
        nested=Features([_classification(each) for each in tool.get("classifications") or ()]),
        options=Options(()),
        constraints=frozenset((str(pair[0]), str(pair[1])) for pair in constraints if len(pair) == 2),
        digest=feature_bytes(_id(tool)),
    )


def _classification(each: Mapping[str, Any]) -> Feature:
    kind = str(each.get("type"))
    return Feature(
        id=_id(each),
        names=_names(each.get("name"), each.get("instructions")),
        type=kind,
        # An answer's form and its classification's type are compared with normalisation, in `_check_answer`.
        kinds=frozenset(other.name for other in KINDS if other.classifies),
        archived=bool(each.get("archived")),
        nested=Features(()),
        options=Options([] if kind == "text" else [_option(option) for option in each.get("options") or ()]),
        constraints=frozenset(),
        digest=feature_bytes(_id(each)),
    )


def _option(option: Mapping[str, Any]) -> Option:
    nested = Features([_classification(each) for each in option.get("options") or ()])
    return Option(_id(option), _names(option.get("value"), option.get("label")) or ("",), nested)


def _id(item: Mapping[str, Any]) -> str:
    # Labelbox always gives one; a file written by hand may not, and identities must tell features apart.
    return str(item.get("featureSchemaId") or f"name:{item.get('name')}")


def _names(*values: Any) -> tuple[str, ...]:
    """Labels and values may be numbers; compared as strings (section 4.1)."""
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))
