"""Is an annotation right for its project: features, options, nesting, media type (ndjson-formats, sections 3 and 4).

Pure. What depends on the ontology alone is prepared, so that most annotations cost one look-up by name. Answers are
written in the form of their classification on the way: one option under a radio, an array under a checklist.
"""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

import orjson

from prelabel.annotations.kinds import KINDS, MEDIA_TYPES, Kind
from prelabel.errors import NotInOntology, Reason, quoted
from prelabel_worker.identity import feature_bytes

_FORMS = {tool: kind.name for kind in KINDS if kind.classifies for tool in kind.tools}
_DOCUMENTS = {"PDF", "DOCUMENT"}
_NAMES_SHOWN = 8
_NAMES_COMPARED = 200


@dataclass(slots=True)
class Option:
    """One choice of a radio or checklist, and the classifications below it."""

    id: str
    names: tuple[str, ...]
    archived: bool
    nested: "Level[Feature]"

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.names[0] if self.names else self.id


@dataclass(slots=True)
class Feature:
    """A tool or classification; `type` is the ontology's word, `kinds` the names of the annotation kinds it takes."""

    id: str
    names: tuple[str, ...]
    archived: bool
    nested: "Level[Feature]"
    type: str
    kinds: frozenset[str]
    options: "Level[Option]" = field(default_factory=lambda: Level(()))
    constraints: frozenset[tuple[str, str]] = frozenset()
    characters: tuple[int, int] | None = None
    digest: bytes = b""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.names[0] if self.names else self.id


_Item = TypeVar("_Item", Feature, Option)


class Level(Generic[_Item]):
    """Siblings in the tree: found by any of their names, or by id. A name of two siblings stands for neither."""

    def __init__(self, items: Iterable[_Item]) -> None:
        self.items: tuple[_Item, ...] = tuple(items)
        self.by_id: dict[str, _Item] = {item.id: item for item in self.items}
        self.by_name: dict[str, _Item] = {}
        self.twice: set[str] = set()
        self._hints: dict[str, str] = {}
        for item in self.items:
            for name in item.names:
                if self.by_name.setdefault(name, item) is not item:
                    self.twice.add(name)

    def find(self, named: Any, path: str, missing: Reason, expected: str) -> _Item:
        """By name, by schemaId, or by both when they agree (section 4.4). Raises NotInOntology."""
        name, schema_id = named.name, named.schema_id
        if schema_id is None:
            found = self.by_name.get(name)
            if found is not None and name in self.twice:
                raise NotInOntology(
                    Reason.AMBIGUOUS_NAME, f"{path}.name", quoted(name), "a schemaId: two have the name"
                )
        else:
            found = self.by_id.get(schema_id)
            if found is not None and name is not None and name not in found.names:
                both = f"{quoted(name)} and {schema_id}"
                raise NotInOntology(Reason.AMBIGUOUS_NAME, path, both, "name and schemaId of the same")
        if found is None:
            self._missing(named, path, missing, expected)
        if found.archived:
            raise NotInOntology(missing, path, f"'{found.name}', which is archived", expected)
        return found

    def _missing(self, named: Any, path: str, missing: Reason, expected: str) -> NoReturn:
        if named.schema_id is not None:
            raise NotInOntology(missing, f"{path}.schemaId", named.schema_id, expected)
        raise NotInOntology(missing, f"{path}.name", quoted(named.name), expected, self._hint(named.name))

    def _hint(self, name: str) -> str:
        """The nearest name, or the first few. Remembered, since a model that says a wrong name says it all day."""
        hint = self._hints.get(name)
        if hint is None:
            near = difflib.get_close_matches(name, list(self.by_name)[:_NAMES_COMPARED], 1)
            names = [item.name for item in self.items[:_NAMES_SHOWN]]
            shown = ", ".join(names) + (", …" if len(self.items) > _NAMES_SHOWN else "")
            hint = f"did you mean {near[0]}?" if near else f"there are: {shown}" if shown else "there is none"
            if len(self._hints) < _NAMES_COMPARED:
                self._hints[name] = hint
        return hint


class Ontology:
    """A project's ontology, prepared for checking; equal `digest`, equal answers."""

    def __init__(self, tools: Iterable[Feature], classifications: Iterable[Feature], media_type: str | None) -> None:
        self.digest = ""
        self._tools = Level(tools)
        self._classifications = Level(classifications)
        self._media_type = (media_type or "").upper().replace("_", "").replace("-", "")
        # A type nobody knows is not held against the row: Labelbox decides (section 3).
        known = self._media_type in MEDIA_TYPES
        self._refused = {kind.name for kind in KINDS if known and self._media_type not in kind.media}
        self._parents = _parents([*self._tools.items, *self._classifications.items])
        self._plain = {kind.name: self._plain_names(kind) for kind in KINDS}

    @classmethod
    def from_normalized(cls, normalized: Mapping[str, Any], media_type: str | None) -> "Ontology":
        """Read what the API answers as `ontology.normalized`; keys it does not know are ignored."""
        ontology = cls(
            [_tool(tool) for tool in normalized.get("tools") or ()],
            [_classification(each) for each in normalized.get("classifications") or ()],
            media_type,
        )
        content = orjson.dumps([normalized, media_type], option=orjson.OPT_SORT_KEYS)
        ontology.digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return ontology

    def plain(self, kind: Kind) -> Mapping[str, Feature]:
        """Name → feature, where the name says it all: an object of this kind, without anything nested, is right."""
        return self._plain[kind.name]

    def resolve(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """The annotation's feature, after everything about it was checked. Raises NotInOntology."""
        if kind.name in self._refused:
            expected = f"a kind that {self._media_type} assets take"
            raise NotInOntology(Reason.MEDIA_TYPE, path, f"a {kind.name}", expected)
        level = self._classifications if kind.classifies else self._tools
        if annotation.name not in level.by_name and annotation.schema_id not in level.by_id:
            self._check_elsewhere(annotation, kind, path)
        feature = level.find(annotation, path, Reason.UNKNOWN_FEATURE, "a feature of the project's ontology")
        if kind.classifies:
            _check_answer(annotation, feature, path)
        elif kind.name not in feature.kinds:
            raise _wrong_kind(feature, kind, path)
        # Below a text no ontology that we have seen has anything: Labelbox decides (open question 7.20).
        if annotation.classifications and not kind.classifies:
            _check_nested(annotation.classifications, feature.nested, f"'{feature.name}'", path)
        return feature

    def check_source_name(self, path: str) -> None:
        """Only documents take the name of a classification as a link's source (section 2.11)."""
        if self._media_type in MEDIA_TYPES - _DOCUMENTS:
            expected = f"a source: {self._media_type} assets have no sourceOntologyName"
            raise NotInOntology(Reason.MEDIA_TYPE, f"{path}.sourceOntologyName", "one", expected)

    def check_link(self, edge: Feature, source: Feature, target: Feature, both_ways: bool, path: str) -> None:
        """Whether this pair may be linked, and by this tool. Raises NotInOntology."""
        if source.type in _FORMS and self._media_type in MEDIA_TYPES - _DOCUMENTS:
            raise NotInOntology(Reason.BROKEN_RELATIONSHIP, f"{path}.source", f"'{source.name}'", "an object")
        pairs = {(source.id, target.id)} | ({(target.id, source.id)} if both_ways else set())
        if edge.constraints and not pairs & edge.constraints:
            found = f"'{source.name}' to '{target.name}'"
            raise NotInOntology(Reason.BROKEN_RELATIONSHIP, path, found, f"a pair that '{edge.name}' allows")

    def _plain_names(self, kind: Kind) -> dict[str, Feature]:
        if kind.classifies or kind.name in self._refused:
            return {}
        return {
            name: feature
            for name, feature in self._tools.by_name.items()
            if kind.name in feature.kinds and not feature.archived and name not in self._tools.twice
        }

    def _check_elsewhere(self, annotation: Any, kind: Kind, path: str) -> None:
        """A feature that is not at its level may be known at another."""
        other = self._tools if kind.classifies else self._classifications
        wrong = other.by_name.get(annotation.name) or other.by_id.get(annotation.schema_id)
        if wrong is not None:
            raise _wrong_kind(wrong, kind, path)
        parent = self._parents.get(annotation.name) or self._parents.get(annotation.schema_id)
        if parent is not None:
            found = quoted(annotation.name or annotation.schema_id)
            expected = f"it nested under '{parent}', not at the top level"
            raise NotInOntology(Reason.WRONG_NESTING, path, found, expected)


def _parents(features: list[Feature]) -> dict[str | None, str]:
    """Name or id of a nested classification → what it is nested under."""
    found: dict[str | None, str] = {}
    while features:
        feature = features.pop()
        nests = [(feature.name, feature.nested), *((each.name, each.nested) for each in feature.options.items)]
        for parent, nested in nests:
            features += nested.items
            found |= dict.fromkeys((*nested.by_name, *nested.by_id), parent)
    return found


def _wrong_kind(feature: Feature, kind: Kind, path: str) -> NotInOntology:
    return NotInOntology(Reason.WRONG_KIND, path, f"a {kind.name}", f"what '{feature.name}' is: {feature.type}")


def _check_answer(item: Any, feature: Feature, path: str) -> None:
    """The answer has, or is given, its classification's form, and its options exist."""
    answer, form, path = item.answer, _FORMS.get(feature.type), f"{path}.answer"
    if form is None:  # group, dropdown: no import shape (section 2.26)
        raise NotInOntology(Reason.WRONG_KIND, path, "an answer", f"none: a {feature.type} cannot be imported")
    if (form == "free text") != isinstance(answer, str):
        expected = "a text" if form == "free text" else "an option"
        found = quoted(answer) if isinstance(answer, str) else "options"
        raise NotInOntology(Reason.WRONG_ANSWER, path, found, f"{expected}: '{feature.name}' is a {feature.type}")
    if form == "free text":
        _check_length(answer, feature, path)
        return
    listed = isinstance(answer, list)
    chosen = answer if listed else [answer]
    if form == "radio" and len(chosen) > 1:
        expected = f"one option: '{feature.name}' is a radio"
        raise NotInOntology(Reason.WRONG_ANSWER, path, f"{len(chosen)} options", expected)
    _check_options(chosen, feature, [f"{path}[{at}]" for at in range(len(chosen))] if listed else [path])
    item.answer = chosen if form == "checklist" else chosen[0]


def _check_options(chosen: Iterable[Any], feature: Feature, paths: Iterable[str]) -> None:
    seen: set[str] = set()
    for given, path in zip(chosen, paths, strict=True):
        option = feature.options.find(given, path, Reason.UNKNOWN_OPTION, f"an option of '{feature.name}'")
        if option.id in seen:
            raise NotInOntology(Reason.WRONG_ANSWER, path, f"'{option.name}' again", "each option once")
        seen.add(option.id)
        if given.classifications:
            parent = f"option '{option.name}' of '{feature.name}'"
            _check_nested(given.classifications, option.nested, parent, path)


def _check_nested(classifications: Iterable[Any], level: Level[Feature], parent: str, path: str) -> None:
    seen: set[str] = set()
    for at, nested in enumerate(classifications):
        where = f"{path}.classifications[{at}]"
        feature = level.find(nested, where, Reason.WRONG_NESTING, f"a classification nested under {parent}")
        if feature.id in seen:
            raise NotInOntology(Reason.WRONG_ANSWER, where, f"'{feature.name}' again", "each classification once")
        seen.add(feature.id)
        _check_answer(nested, feature, where)


def _check_length(text: str, feature: Feature, path: str) -> None:
    least, most = feature.characters or (0, len(text))
    if not least <= len(text) <= most:
        expected = f"{least} to {most} characters for '{feature.name}'"
        raise NotInOntology(Reason.WRONG_ANSWER, path, f"{len(text)} characters", expected)


def _tool(tool: Mapping[str, Any]) -> Feature:
    kind = str(tool.get("tool"))
    constraints = (tool.get("definition") or {}).get("constraints") or ()
    return Feature(
        id=_id(tool),
        names=_names(tool.get("name")),
        archived=bool(tool.get("archived")),
        nested=Level([_classification(each) for each in tool.get("classifications") or ()]),
        type=kind,
        kinds=frozenset(each.name for each in KINDS if not each.classifies and kind in each.tools),
        constraints=frozenset((str(pair[0]), str(pair[1])) for pair in constraints if len(pair) == 2),
        digest=feature_bytes(_id(tool)),
    )


def _classification(each: Mapping[str, Any]) -> Feature:
    kind = str(each.get("type"))
    least, most = each.get("minCharacters"), each.get("maxCharacters")
    return Feature(
        id=_id(each),
        names=_names(each.get("name"), each.get("instructions")),
        archived=bool(each.get("archived")),
        nested=Level(()),
        type=kind,
        kinds=frozenset({_FORMS[kind]} if kind in _FORMS else ()),
        options=Level([_option(option) for option in each.get("options") or ()]),
        characters=(least or 0, most or 2**31) if least or most else None,
        digest=feature_bytes(_id(each)),
    )


def _option(option: Mapping[str, Any]) -> Option:
    nested = Level([_classification(each) for each in option.get("options") or ()])
    return Option(_id(option), _names(option.get("value"), option.get("label")), bool(option.get("archived")), nested)


def _id(item: Mapping[str, Any]) -> str:
    # Labelbox always gives one; a file written by hand may not, and identities need something that tells them apart.
    return str(item.get("featureSchemaId") or f"name:{item.get('name') or item.get('value') or item.get('label')}")


def _names(*values: Any) -> tuple[str, ...]:
    """Labels and values may be numbers; compared as strings (section 4.1)."""
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))
