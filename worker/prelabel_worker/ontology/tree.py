"""A project's ontology as a tree of features and options, which are found by name or id. No I/O.

Source: docs/reference/labelbox-format.md#4.

The tree is built once for an ontology. Its look-ups use dictionaries, since every annotation needs them.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NoReturn, TypeVar

from prelabel.annotations.kinds import KINDS
from prelabel.errors import Misnamed, NotInOntology, Reason, quoted

FORMS = {tool: kind.form for kind in KINDS if kind.form is not None for tool in kind.tools}
"""Type of a classification → the form of its answers: `radio`, `checklist` or `text`."""
_NAMES_SHOWN = 8
_NAMES_COMPARED = 200


@dataclass(slots=True)
class Option:
    """An option of a radio or checklist, and the classifications below it."""

    id: str
    names: tuple[str, ...]
    archived: bool
    nested: "Level[Feature]"

    @property
    def name(self) -> str:
        """The name for error texts: its first name, or else its id."""
        return self.names[0] if self.names else self.id


@dataclass(slots=True)
class Feature:
    """A tool or classification."""

    #: Its featureSchemaId.
    id: str
    #: The names by which it is found.
    names: tuple[str, ...]
    #: Whether it is archived, so that no annotation may name it.
    archived: bool
    #: The classifications below a tool, or below a text.
    nested: "Level[Feature]"
    #: Its type, in the ontology's words.
    type: str
    #: The names of the annotation kinds that it accepts.
    kinds: frozenset[str]
    #: The options of a radio or checklist.
    options: "Level[Option]" = field(default_factory=lambda: Level(()))
    #: For a relationship, the pairs of ids that it may link; empty for any pair.
    constraints: frozenset[tuple[str, str]] = frozenset()
    #: Minimum and maximum number of characters of a text.
    characters: tuple[int, int] | None = None
    #: Its id in the form of `feature_bytes`.
    digest: bytes = b""

    @property
    def name(self) -> str:
        """The name for error texts: its first name, or else its id."""
        return self.names[0] if self.names else self.id


_Item = TypeVar("_Item", Feature, Option)


class Level(Generic[_Item]):
    """Siblings in the tree, found by any of their names or by id. A name that two siblings share finds neither."""

    def __init__(self, items: Iterable[_Item]) -> None:
        self.items: tuple[_Item, ...] = tuple(items)
        self.by_id: dict[str, _Item] = {item.id: item for item in self.items}
        self.by_name: dict[str, _Item] = {}
        self.twice: set[str] = set()
        self._nearest: dict[str, str | None] = {}
        for item in self.items:
            for name in item.names:
                if self.by_name.setdefault(name, item) is not item:
                    self.twice.add(name)

    def find(self, named: Any, path: str, missing: Reason, expected: str) -> _Item:
        """Return the item that is named by name, by schemaId, or by both if they agree. Raises NotInOntology.

        `missing` is the reason code of the error if there is none. Source: docs/reference/labelbox-format.md#4-4.
        """
        name, schema_id = named.name, named.schema_id
        if schema_id is None:
            item = self.by_name.get(name)
            if item is not None and name in self.twice:
                expected = "a schemaId, since two items have this name"
                misnamed = Misnamed(_kind(missing), name)
                raise NotInOntology(Reason.AMBIGUOUS_NAME, f"{path}.name", quoted(name), expected, misnamed=misnamed)
        else:
            item = self.by_id.get(schema_id)
            if item is not None and name is not None and name not in item.names:
                both = f"{quoted(name)} and {schema_id}"
                expected, misnamed = "name and schemaId of the same item", Misnamed(_kind(missing), name)
                raise NotInOntology(Reason.AMBIGUOUS_NAME, path, both, expected, misnamed=misnamed)
        if item is None:
            self._missing(named, path, missing, expected)
        if item.archived:
            misnamed = Misnamed(_kind(missing), item.name)
            raise NotInOntology(missing, path, f"'{item.name}', which is archived", expected, misnamed=misnamed)
        return item

    def _missing(self, named: Any, path: str, missing: Reason, expected: str) -> NoReturn:
        kind, schema_id = _kind(missing), named.schema_id
        if schema_id is not None:
            raise NotInOntology(missing, f"{path}.schemaId", schema_id, expected, misnamed=Misnamed(kind, schema_id))
        nearest = self.nearest(named.name)
        misnamed = Misnamed(kind, named.name, nearest)
        raise NotInOntology(missing, f"{path}.name", quoted(named.name), expected, self._hint(nearest), misnamed)

    def nearest(self, name: str) -> str | None:
        """Return the most similar name, if one is similar. Cached, since a model repeats a wrong name."""
        if name in self._nearest:
            return self._nearest[name]
        # Further wrong names are not compared, since one comparison takes as long as checking hundreds of rows.
        if len(self._nearest) >= _NAMES_COMPARED:
            return None
        similar = difflib.get_close_matches(name, list(self.by_name)[:_NAMES_COMPARED], 1)
        self._nearest[name] = similar[0] if similar else None
        return self._nearest[name]

    def _hint(self, nearest: str | None) -> str:
        if nearest is not None:
            return f"did you mean {nearest}?"
        names = [item.name for item in self.items[:_NAMES_SHOWN]]
        shown = ", ".join(names) + (", …" if len(self.items) > _NAMES_SHOWN else "")
        return f"there are: {shown}" if shown else "there is none"


def _kind(missing: Reason) -> Literal["feature", "option", "classification"]:
    if missing is Reason.UNKNOWN_OPTION:
        return "option"
    return "classification" if missing is Reason.WRONG_NESTING else "feature"


def read_tool(tool: Mapping[str, Any]) -> Feature:
    """Read a tool in the form of Labelbox's API."""
    kind = str(tool.get("tool"))
    constraints = (tool.get("definition") or {}).get("constraints") or ()
    return Feature(
        id=_id(tool),
        names=_names(tool.get("name")),
        archived=bool(tool.get("archived")),
        nested=Level([read_classification(nested) for nested in tool.get("classifications") or ()]),
        type=kind,
        kinds=frozenset(annotation_kind.name for annotation_kind in KINDS if kind in annotation_kind.tools),
        constraints=frozenset((str(pair[0]), str(pair[1])) for pair in constraints if len(pair) == 2),
        digest=feature_bytes(_id(tool)),
    )


def read_classification(feature: Mapping[str, Any]) -> Feature:
    """Read a classification in the form of Labelbox's API."""
    kind = str(feature.get("type"))
    minimum, maximum = feature.get("minCharacters"), feature.get("maxCharacters")
    return Feature(
        id=_id(feature),
        names=_names(feature.get("name"), feature.get("instructions")),
        archived=bool(feature.get("archived")),
        nested=_below_text(feature) if FORMS.get(kind) == "text" else Level(()),
        type=kind,
        kinds=frozenset(annotation_kind.name for annotation_kind in KINDS if kind in annotation_kind.tools),
        options=Level([_option(option) for option in feature.get("options") or ()]),
        characters=(minimum or 0, maximum or 2**31) if minimum or maximum else None,
        digest=feature_bytes(_id(feature)),
    )


def _below_text(feature: Mapping[str, Any]) -> Level[Feature]:
    """Return the classifications below a text. No documented ontology has any, so where they stand is an assumption."""
    below = (*(feature.get("classifications") or ()), *(feature.get("options") or ()))
    return Level([read_classification(nested) for nested in below if nested.get("type")])


def _option(option: Mapping[str, Any]) -> Option:
    nested = Level([read_classification(nested) for nested in option.get("options") or ()])
    return Option(_id(option), _names(option.get("value"), option.get("label")), bool(option.get("archived")), nested)


def _id(item: Mapping[str, Any]) -> str:
    # Labelbox always sends an id. A file written by hand may have none, but the uuids of features must differ.
    return str(item.get("featureSchemaId") or f"name:{item.get('name') or item.get('value') or item.get('label')}")


def _names(*values: Any) -> tuple[str, ...]:
    """Return names as strings, since labels and values may be numbers (docs/reference/labelbox-format.md#4-1)."""
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))


def feature_bytes(feature_schema_id: str) -> bytes:
    """Return the bytes that stand for a feature in digests: the length of its id in four bytes, then the id."""
    text = feature_schema_id.encode()
    return len(text).to_bytes(4, "big") + text
