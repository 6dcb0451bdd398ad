"""Check the names in a mapping against an ontology, as `prelabel ontology show --json` prints it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from prelabel.errors import found_value
from prelabel.mapping.checks import BadMapping, nearest
from prelabel.mapping.classes import Target
from prelabel.mapping.mapping import PredictionMapping
from prelabel.text_input import UnreadableInput, read_text

Answers = Mapping[str, tuple[str, ...]]
"""The names of classifications, and of the options of each."""


@dataclass(frozen=True, slots=True)
class OntologyNames:
    """The names in an ontology."""

    #: Tool → the classifications nested in it.
    tools: Mapping[str, Answers]
    #: The classifications of whole data rows.
    classifications: Answers


def read_names(path: Path) -> OntologyNames:
    """Return the names in a file: an object with `tools` and `classifications`, or one that holds it as `normalized`.

    Raises BadMapping.
    """
    try:
        content = orjson.loads(read_text(path))
    except UnreadableInput as error:
        raise BadMapping(str(error)) from None
    except orjson.JSONDecodeError as error:
        raise BadMapping(f"{path}: not JSON: {error}") from None
    for word in ("ontology", "normalized"):
        content = content.get(word, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not {"tools", "classifications"} & set(content):
        raise BadMapping(f"{path}: expected an ontology with tools and classifications, found {found_value(content)}")
    tools = {
        name: _answers(tool.get("classifications"))
        for tool in _objects(content.get("tools"))
        for name in _names(tool, "name")
    }
    return OntologyNames(tools, _answers(content.get("classifications")))


def check_names(mapping: PredictionMapping, ontology: OntologyNames) -> None:
    """Check that the ontology has every feature, classification and option of a mapping. Raises BadMapping."""
    answered = mapping.output.classification if mapping.output is not None else None
    for name, target in mapping.classes.items():
        if not target.drop:
            _check(name, target, ontology, answered)
    if mapping.output is not None and mapping.unmapped == "keep":
        for label in (*mapping.output.own_features, *mapping.output.keypoint_names):
            if label not in mapping.classes:
                _check(label, Target(), ontology, answered)
    if answered is not None and not any(target.feature for target in mapping.classes.values()):
        _known(answered, ontology.classifications, "output.classification", "classification")


def _check(name: str, target: Target, ontology: OntologyNames, answered: str | None) -> None:
    """Check the names that predictions of a class get."""
    where = f"classes.{name}"
    if answered is not None:
        feature = target.feature or answered
        _known(feature, ontology.classifications, f"{where}.feature", "classification")
        _known(target.option or name, ontology.classifications[feature], f"{where}.option", f"option of {feature}")
    elif target.option is not None and target.classification is None:
        # The feature of such a class is its format's own, such as the speakers of RTTM.
        several = [ontology.classifications.get(target.feature)] if target.feature else []
        anywhere = {option for answers in several or ontology.classifications.values() for option in answers or ()}
        _known(target.option, anywhere, f"{where}.option", "option")
    else:
        feature = target.feature or name
        _known(feature, {**ontology.tools, **ontology.classifications}, f"{where}.feature", "feature")
        if target.classification is not None:
            nested = ontology.tools.get(feature, {})
            _known(target.classification, nested, f"{where}.classification", f"classification of {feature}")
            options = nested[target.classification]
            _known(target.option or "", options, f"{where}.option", f"option of {target.classification}")


def _known(name: str, names: Iterable[str], where: str, what: str) -> None:
    if name not in names:
        raise BadMapping(f"{where}: the ontology has no {what} {name!r}{nearest(name, names)}")


def _answers(items: Any) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(option for value in _objects(item.get("options")) for option in _names(value, "label", "value"))
        for item in _objects(items)
        for name in _names(item, "name", "instructions")
    }


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _names(item: dict[str, Any], *keys: str) -> Iterator[str]:
    """Yield the names by which predictions may call a feature or an option."""
    yield from (item[key] for key in keys if isinstance(item.get(key), str))
