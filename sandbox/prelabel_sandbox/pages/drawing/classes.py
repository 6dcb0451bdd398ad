"""The features of an ontology as a labeler sees them: names, colours, and what is nested below."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# Distinguishable on light and dark backgrounds. Blue comes late: the sandbox gives it to tools without a colour.
_PALETTE = (
    "#e8590c", "#2b9348", "#c2255c", "#7048e8", "#b08900", "#0c8599", "#5c7f0a", "#2f6fdf", "#8d4b2a", "#495057",
)  # fmt: skip


@dataclass(slots=True)
class Feature:
    """A tool, a classification or an option; `css` is the name of its colour."""

    name: str
    type: str = ""
    css: str = "c0"
    color: str = _PALETTE[-1]
    below: dict[str, "Feature"] = field(default_factory=dict)

    def find(self, reference: Any) -> "Feature":
        """Return the feature below with this `name` or `schemaId`; for an unknown one, a new feature of that name."""
        return _find(self.below, reference)


class Classes:
    """Looks up features by name or id, tools and classifications separately."""

    def __init__(self, ontology: dict[str, Any]) -> None:
        tools, classifications = ontology.get("tools") or [], ontology.get("classifications") or []
        self._tools = _level(tools)
        self._classifications = _level(classifications)
        self.all = [*_distinct(self._tools), *_distinct(self._classifications)]
        taken: set[str] = set()
        for number, feature in enumerate(self.all):
            feature.css, feature.color = f"c{number + 1}", _color(feature.color, number, taken)
            taken.add(feature.color.lower())

    def tool(self, reference: Any) -> Feature:
        """Return the tool with this `name` or `schemaId`."""
        return _find(self._tools, reference)

    def classification(self, reference: Any) -> Feature:
        """Return the top-level classification with this `name` or `schemaId`."""
        return _find(self._classifications, reference)


def _color(color: str, number: int, taken: set[str]) -> str:
    """Return the ontology's colour; one of ours if it has none, or if another feature has the same."""
    if _COLOR.fullmatch(color) and color.lower() not in taken:
        return color
    free = [free_color for free_color in _PALETTE if free_color not in taken]
    return free[0] if free else _PALETTE[number % len(_PALETTE)]


def _level(nodes: Iterable[dict[str, Any]]) -> dict[str, Feature]:
    level: dict[str, Feature] = {}
    for node in nodes:
        names = [str(node[key]) for key in ("label", "instructions", "name", "value") if node.get(key) is not None]
        below = [*(node.get("classifications") or ()), *(node.get("options") or ())]
        kind = str(node.get("tool") or node.get("type") or "option")
        feature = Feature(names[0] if names else "", kind, color=str(node.get("color")), below=_level(below))
        for key in [*names, str(node.get("featureSchemaId"))]:
            level.setdefault(key, feature)
    return level


def _find(level: dict[str, Feature], reference: Any) -> Feature:
    keys = ("schemaId", "featureSchemaId", "schema_id", "name")
    names = [str(reference[key]) for key in keys if key in reference] if reference else []
    known = [level[name] for name in names if name in level]
    return known[0] if known else Feature(names[-1] if names else "unnamed")


def _distinct(level: dict[str, Feature]) -> list[Feature]:
    return list({id(feature): feature for feature in level.values()}.values())
