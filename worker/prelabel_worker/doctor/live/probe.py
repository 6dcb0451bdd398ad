"""Make tiny valid annotations for a project's ontology, to ask Labelbox questions with. Pure: no I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import MessageError, PrelabelError
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

DataRow = Mapping[str, str]
_Pair = tuple[dict[str, Any], dict[str, Any]]
"""The first annotation and the changed one."""


class NoProbe(PrelabelError):
    """The probe cannot make an annotation for any feature of the project, or not for the named one."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Two annotations of one feature on one data row, with different geometries or answers.

    For a radio or checklist with a single option, both are the same.
    """

    feature: str
    data_row: DataRow
    first: dict[str, Any]
    changed: dict[str, Any]

    def line(self, uuid: str, *, changed: bool = False, **replaced: Any) -> bytes:
        """Return a line of a file with the first annotation or the changed one; `replaced` has fields to replace."""
        fields = {"uuid": uuid, "dataRow": self.data_row, **(self.changed if changed else self.first), **replaced}
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def pick(project_id: str, ontology: ProjectOntology, data_row: DataRow, feature: str | None = None) -> Probe:
    """Return a probe of the named feature, or else of the first feature that fits. Raises NoProbe with the reason."""
    builder = RowBuilder(project_id, Ontology.from_normalized(ontology.normalized, ontology.media_type))
    named = f" '{feature}'" if feature else ""
    reason = f"the project has no feature{named} to try: not archived, and of the kind {_KINDS}"
    for name, pair in _candidates(ontology.normalized):
        if feature is not None and name != feature:
            continue
        try:
            for annotation in pair:
                message = {"projectId": project_id, "dataRow": data_row, "annotations": [annotation]}
                builder.build(orjson.dumps(message))
        except MessageError as error:
            reason = str(error)
            continue
        return Probe(name, data_row, *pair)
    raise NoProbe(reason)


def _candidates(normalized: Mapping[str, Any]) -> Iterator[tuple[str, _Pair]]:
    """Yield the name and the two annotations of each top-level feature of a kind that is tried, tools first."""
    for feature in (*(normalized.get("tools") or ()), *(normalized.get("classifications") or ())):
        pair = None if feature.get("archived") else _pair(feature)
        name = feature.get("name") or feature.get("instructions")
        if pair is not None and name:
            yield str(name), ({"name": str(name), **pair[0]}, {"name": str(name), **pair[1]})


def _pair(feature: Mapping[str, Any]) -> _Pair | None:
    kind = feature.get("tool") or feature.get("type")
    if kind in _GEOMETRIES:
        return _GEOMETRIES[kind]
    names = [str(option.get("value") or option.get("label")) for option in feature.get("options") or ()]
    options = [{"name": name} for name in names[:2]]
    if kind in ("radio", "response-radio") and options:
        return {"answer": options[0]}, {"answer": options[-1]}
    if kind in ("checklist", "response-checklist") and options:
        return {"answer": options[:1]}, {"answer": options[-1:]}
    return None


def _points(*places: tuple[int, int]) -> list[dict[str, int]]:
    return [{"x": x, "y": y} for x, y in places]


_TEXTS = ({"answer": "prelabel doctor"}, {"answer": "prelabel doctor, again"})
_GEOMETRIES: dict[Any, _Pair] = {
    "rectangle": (
        {"bbox": {"top": 1, "left": 1, "height": 2, "width": 2}},
        {"bbox": {"top": 2, "left": 2, "height": 3, "width": 3}},
    ),
    "point": ({"point": {"x": 1, "y": 1}}, {"point": {"x": 2, "y": 2}}),
    "line": ({"line": _points((1, 1), (3, 3))}, {"line": _points((1, 2), (3, 4))}),
    "polygon": ({"polygon": _points((1, 1), (3, 1), (3, 3))}, {"polygon": _points((1, 1), (4, 1), (4, 4))}),
    "text": _TEXTS,
    "response-text": _TEXTS,
}
_KINDS = "rectangle, point, line, polygon, text, radio or checklist"
"""The kinds that are tried, in the words of an ontology."""
