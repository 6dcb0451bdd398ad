"""A project's ontology as a tree of features and options, and how they are found in it.

Source: docs/reference/labelbox-format.md#4.

Pure. Made once for an ontology; what is looked up for every annotation is a dictionary.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

from prelabel.annotations.kinds import KINDS
from prelabel.errors import NotInOntology, Reason, quoted

FORMS = {tool: kind.form for kind in KINDS if kind.form is not None for tool in kind.tools}
"""Type of a classification → the form of its answers: `radio`, `checklist` or `text`."""
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
        """By name, by schemaId, or by both when they agree. Raises NotInOntology.

        Source: docs/reference/labelbox-format.md#4-4.
        """
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
            # Beyond so many wrong names nobody compares: each would cost as much as hundreds of rows.
            known = list(self.by_name)[:_NAMES_COMPARED] if len(self._hints) < _NAMES_COMPARED else []
            near = difflib.get_close_matches(name, known, 1)
            names = [item.name for item in self.items[:_NAMES_SHOWN]]
            shown = ", ".join(names) + (", …" if len(self.items) > _NAMES_SHOWN else "")
            hint = f"did you mean {near[0]}?" if near else f"there are: {shown}" if shown else "there is none"
            if len(self._hints) < _NAMES_COMPARED:
                self._hints[name] = hint
        return hint


def read_tool(tool: Mapping[str, Any]) -> Feature:
    """A tool as the API writes it."""
    kind = str(tool.get("tool"))
    constraints = (tool.get("definition") or {}).get("constraints") or ()
    return Feature(
        id=_id(tool),
        names=_names(tool.get("name")),
        archived=bool(tool.get("archived")),
        nested=Level([read_classification(each) for each in tool.get("classifications") or ()]),
        type=kind,
        kinds=frozenset(each.name for each in KINDS if kind in each.tools),
        constraints=frozenset((str(pair[0]), str(pair[1])) for pair in constraints if len(pair) == 2),
        digest=feature_bytes(_id(tool)),
    )


def read_classification(each: Mapping[str, Any]) -> Feature:
    """A classification as the API writes it."""
    kind = str(each.get("type"))
    least, most = each.get("minCharacters"), each.get("maxCharacters")
    return Feature(
        id=_id(each),
        names=_names(each.get("name"), each.get("instructions")),
        archived=bool(each.get("archived")),
        nested=Level(()),
        type=kind,
        kinds=frozenset(each.name for each in KINDS if kind in each.tools),
        options=Level([_option(option) for option in each.get("options") or ()]),
        characters=(least or 0, most or 2**31) if least or most else None,
        digest=feature_bytes(_id(each)),
    )


def _option(option: Mapping[str, Any]) -> Option:
    nested = Level([read_classification(each) for each in option.get("options") or ()])
    return Option(_id(option), _names(option.get("value"), option.get("label")), bool(option.get("archived")), nested)


def _id(item: Mapping[str, Any]) -> str:
    # Labelbox always gives one; a file written by hand may not, and identities need something that tells them apart.
    return str(item.get("featureSchemaId") or f"name:{item.get('name') or item.get('value') or item.get('label')}")


def _names(*values: Any) -> tuple[str, ...]:
    """Labels and values may be numbers; compared as strings (docs/reference/labelbox-format.md#4-1)."""
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))


def feature_bytes(feature_schema_id: str) -> bytes:
    """Return how a feature goes into a digest: its length in four bytes, then its text."""
    text = feature_schema_id.encode()
    return len(text).to_bytes(4, "big") + text
