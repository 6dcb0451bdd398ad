"""The features of an ontology as a labeler sees them: names, colours, and what stands below."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# Told apart on light and dark. Blue comes late: it is what a tool without a colour has in a posted ontology.
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

    def find(self, given: Any) -> "Feature":
        """The feature below that `name` or `schemaId` means; of an unknown one only what it is called."""
        return _find(self.below, given)


class Classes:
    """Looked up by name or id, tools and classifications apart."""

    def __init__(self, ontology: dict[str, Any]) -> None:
        tools, classifications = ontology.get("tools") or [], ontology.get("classifications") or []
        self._tools = _level(tools)
        self._classifications = _level(classifications)
        self.all = [*_distinct(self._tools), *_distinct(self._classifications)]
        taken: set[str] = set()
        for number, feature in enumerate(self.all):
            feature.css, feature.color = f"c{number + 1}", _color(feature.color, number, taken)
            taken.add(feature.color.lower())

    def tool(self, given: Any) -> Feature:
        """The tool that `name` or `schemaId` means."""
        return _find(self._tools, given)

    def classification(self, given: Any) -> Feature:
        """The top-level classification that `name` or `schemaId` means."""
        return _find(self._classifications, given)


def _color(given: str, number: int, taken: set[str]) -> str:
    """The ontology's own; ours where it gives none, or one that another feature has already."""
    if _COLOR.fullmatch(given) and given.lower() not in taken:
        return given
    free = [each for each in _PALETTE if each not in taken]
    return free[0] if free else _PALETTE[number % len(_PALETTE)]


def _level(nodes: Iterable[dict[str, Any]]) -> dict[str, Feature]:
    level: dict[str, Feature] = {}
    for node in nodes:
        names = [str(node[key]) for key in ("label", "instructions", "name", "value") if node.get(key) is not None]
        below = node.get("classifications") if "tool" in node else node.get("options")
        kind = str(node.get("tool") or node.get("type") or "option")
        feature = Feature(names[0] if names else "", kind, color=str(node.get("color")), below=_level(below or []))
        for each in [*names, str(node.get("featureSchemaId"))]:
            level.setdefault(each, feature)
    return level


def _find(level: dict[str, Feature], given: Any) -> Feature:
    called = [str(given[key]) for key in ("schemaId", "featureSchemaId", "name") if key in given] if given else []
    known = [level[each] for each in called if each in level]
    return known[0] if known else Feature(called[-1] if called else "unnamed")


def _distinct(level: dict[str, Feature]) -> list[Feature]:
    return list({id(each): each for each in level.values()}.values())
