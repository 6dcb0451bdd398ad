"""Read an ontology from a file: as Labelbox's API returns it, or written by hand or by a tool, without ids. No I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prelabel.annotations.kinds import MEDIA_TYPES, media_type_of
from prelabel.errors import PrelabelError, quoted
from prelabel_worker.ontology.ontology import Ontology


class UnusableOntology(PrelabelError):
    """The content of the file is not an ontology."""


@dataclass(frozen=True, slots=True)
class OntologyFile:
    """The ontology of a file. `remarks` are warnings about it for a person."""

    ontology: Ontology
    media_type: str | None
    remarks: tuple[str, ...]

    @property
    def media_known(self) -> bool:
        """Whether the media type is known, so that kinds of annotations that it does not accept are refused."""
        return media_type_of(self.media_type) in MEDIA_TYPES


def read_ontology(content: Any, media_type: str | None = None) -> OntologyFile:
    """Read JSON with `tools` and `classifications`, or an object that has them as `normalized` or `ontology`.

    `media_type` replaces the file's `mediaType`. Without either, every kind of annotation passes. Raises
    UnusableOntology.
    """
    media = media_type
    for level in _levels(content):
        media = media or _media_of(level)
    content = tree_of(content)
    try:
        remarks: list[str] = []
        normalized = {
            "tools": _filled(content.get("tools"), "tools", remarks),
            "classifications": _filled(content.get("classifications"), "classifications", remarks),
        }
        if not all(tool.get("featureSchemaId") for tool in _objects(content.get("tools"), "tools")):
            _forget_constraints(normalized["tools"])
        return OntologyFile(Ontology.from_normalized(normalized, media), media, tuple(remarks))
    except (TypeError, AttributeError, ValueError) as error:
        raise UnusableOntology(f"it cannot be read as an ontology: {error}") from None


def tree_of(content: Any) -> Mapping[str, Any]:
    """Return the object that contains `tools` and `classifications`. Raises UnusableOntology."""
    tree = _levels(content)[-1]
    if not isinstance(tree, Mapping) or not ("tools" in tree or "classifications" in tree):
        raise UnusableOntology("expected an ontology: an object with tools and classifications")
    return tree


def _levels(content: Any) -> list[Any]:
    """Return the file's content, then the values of `ontology` and `normalized` within it, as far as they exist."""
    levels = [content]
    for word in ("ontology", "normalized"):
        inner = levels[-1].get(word) if isinstance(levels[-1], Mapping) else None
        if inner is not None:
            levels.append(inner)
    return levels


def _media_of(content: Any) -> str | None:
    media = isinstance(content, Mapping) and (content.get("mediaType") or content.get("allowedMediaType"))
    return media if isinstance(media, str) else None


def _objects(items: Any, path: str) -> list[dict[str, Any]]:
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnusableOntology(f"{path}: expected an array of objects")
    return items


def _filled(items: Any, path: str, remarks: list[str]) -> list[dict[str, Any]]:
    """Return the items with a unique id in place of each missing one, since uuids are derived from ids."""
    objects = _objects(items, path)
    remarks += _repeated(objects, path)
    filled = []
    for at, item in enumerate(objects):
        where = f"{path}[{at}]"
        nested = {
            key: _filled(item[key], f"{where}.{key}", remarks) for key in ("classifications", "options") if key in item
        }
        filled.append(item | nested | {"featureSchemaId": item.get("featureSchemaId") or f"file:{where}"})
    return filled


def _repeated(items: list[dict[str, Any]], path: str) -> Iterator[str]:
    """Yield a remark for each name or id that several siblings share.

    Such a name refers to none of them, such an id to the last.
    """
    names = Counter(name for item in items for name in _names(item))
    ids = Counter(item["featureSchemaId"] for item in items if item.get("featureSchemaId"))
    yield from (f"{path}: {count} are called {quoted(name)}" for name, count in names.items() if count > 1)
    yield from (f"{path}: {count} have the featureSchemaId {id_}" for id_, count in ids.items() if count > 1)


def _names(item: dict[str, Any]) -> set[str]:
    keys = ("name", "instructions", "value", "label")
    return {str(item[key]) for key in keys if item.get(key) is not None}


def _forget_constraints(tools: list[dict[str, Any]]) -> None:
    """Remove the pairs of ids that relationships may link: in a file without tool ids, every pair may be linked."""
    for tool in tools:
        if isinstance(tool.get("definition"), dict):
            tool["definition"] = {key: value for key, value in tool["definition"].items() if key != "constraints"}
