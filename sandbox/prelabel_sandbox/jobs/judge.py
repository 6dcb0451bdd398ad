"""Judges an uploaded file line by line: gives every line a verdict, and decides which lines become pre-labels."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from prelabel_sandbox.checks.asset import UNKNOWN
from prelabel_sandbox.checks.envelope import MARK, check, data_row_of, neighbour_of, uuid_of
from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.checks.ontology import Feature, prepared
from prelabel_sandbox.checks.questions import Held, question_of, times_of
from prelabel_sandbox.checks.refusal import Refused, invalid
from prelabel_sandbox.checks.scene import Neighbour, Neighbours, Scene
from prelabel_sandbox.checks.tables import kinds_of
from prelabel_sandbox.faults.imports import RowFailure
from prelabel_sandbox.ids import line_uuid
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store.imports import Import
from prelabel_sandbox.store.pre_labels import Place
from prelabel_sandbox.store.projects import DataRow, Project, Projects

Reference = tuple[str, str]
Verdict = dict[str, Any]
Line = tuple[int, int, int]
"""A line's number, from 1, and its start and end in the file; a plain tuple, because there are many."""


class Unreadable(Exception):
    """The file is not NDJSON: the whole import fails."""


def lines_of(content: bytes) -> list[Line]:
    """Return the lines of a file, split on \\n only; the last may lack it. Raises Unreadable."""
    lines: list[Line] = []
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        line = (len(lines) + 1, start, len(content) if end < 0 else end)
        _parsed(content, line)
        lines.append(line)
        start = line[2] + 1
    return lines


def _parsed(content: bytes, line: Line) -> dict[str, Any]:
    number, start, end = line
    try:
        value = orjson.loads(content[start:end])
    except orjson.JSONDecodeError:
        raise Unreadable(f"line {number} is not JSON{_not_a_number(content[start:end])}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"line {number} is not an object")
    return value


def _not_a_number(text: bytes) -> str:
    """Return where a line has NaN or Infinity, which many programs write and JSON does not have; else nothing."""
    try:
        items = [("", json.loads(text, parse_constant=_Constant))]
    except (ValueError, RecursionError):
        return ""
    while items:
        path, item = items.pop()
        if isinstance(item, _Constant):
            return f": {path.lstrip('.')} is {item}"
        if isinstance(item, dict):
            items += [(f"{path}.{key}", value) for key, value in reversed(item.items())]
        elif isinstance(item, list):
            items += [(f"{path}[{at}]", value) for at, value in reversed(list(enumerate(item)))]
    return ""


class _Constant(str):
    """NaN, Infinity or -Infinity."""

    __slots__ = ()


class Judge:
    """Judges the lines of one import, a slice at a time."""

    def __init__(
        self,
        item: Import,
        project: Project,
        projects: Projects,
        failure: RowFailure | None,
        settings: Settings,
    ) -> None:
        self._item = item
        self._project = project
        self._projects = projects
        self._failure = failure
        media = media_of(project.media_type, project.editor_task_type)
        self._settings = settings
        self._kinds = kinds_of(media, settings.strict_format)
        self._scene = Scene(media, prepared(project.ontology, project.id), settings.strict_format)
        self._ground_truth = item.kind == "label"
        self._neighbours: defaultdict[Reference, dict[bytes, Neighbour]] = defaultdict(dict)
        self._counts: dict[str, int] = {}
        self._uuids: set[bytes] = set()
        self._answered: dict[str, bytes | None] = {}
        self._held: defaultdict[str, Held] = defaultdict(Held)

    def read_objects(self, content: bytes, lines: list[Line]) -> None:
        """Remember the annotations to which relationships may refer: they may be anywhere in the file."""
        if b'"relationship"' not in content:
            return
        for line in lines:
            value = _parsed(content, line)
            neighbour = neighbour_of(value, self._scene.ontology)
            reference = _reference(value)
            if neighbour is not None and not isinstance(reference, Refused):
                self._neighbours[reference][neighbour[0]] = neighbour[1]

    def judge(self, content: bytes, lines: list[Line]) -> Iterator[tuple[Verdict, Place | None]]:
        """Return the verdict on each line, and its place if it becomes a pre-label."""
        values = [_parsed(content, line) for line in lines]
        references = [_reference(value) for value in values]
        known = [reference for reference in references if isinstance(reference, tuple)]
        rows = self._projects.data_rows(self._project, known)
        for line, value, reference in zip(lines, values, references, strict=True):
            if isinstance(reference, Refused):
                yield self._judged(line, value, None, {}, [reference])
                continue
            row = rows.get(reference)
            missing = [] if row else [Refused("DataRowNotFound", f"dataRow.{reference[0]} {reference[1]} invalid")]
            yield self._judged(line, value, row, _shown(row, reference), missing)

    def _judged(
        self, line: Line, value: dict[str, Any], row: DataRow | None, shown: dict[str, Any], refusals: list[Refused]
    ) -> tuple[Verdict, Place | None]:
        key = None
        try:
            key = self._uuid_of(value)
            if self._ground_truth and "relationship" in value:
                raise Refused("InvalidAnnotation", "Relationships are supported only for MAL imports")
            if self._scene.strict and not self._ground_truth and MARK in value:
                raise invalid(MARK, "Only for ground truth.")
            if row is None:
                check(value, self._kinds, self._scene)
            else:
                feature = check(value, self._kinds, self._scene_of(row))
                self._count(row, feature)
                self._ask(row, value, feature, key)
        except Refused as refused:
            refusals.append(refused)
        if self._failure is not None and self._failure.refuses(line[0], shown):
            refusals.append(Refused(self._failure.error, self._failure.message))
        return self._verdict(line, value, key, shown, refusals)

    def _uuid_of(self, value: dict[str, Any]) -> bytes | None:
        """Return the line's uuid. If strict, refuse one that the import has used before, as the legacy client did."""
        key = uuid_of(value)
        if key is not None and self._scene.strict:
            if key in self._uuids:
                raise invalid("uuid", "already used in this import job, must be unique for the project")
            self._uuids.add(key)
        return key

    def _count(self, row: DataRow, feature: Feature) -> None:
        """Refuse too many annotations of one feature on one data row."""
        key = row.id + feature.schema_id  # not a tuple: there are many keys, and the garbage collector skips strings
        counted = self._counts.get(key, 0) + 1
        if counted > feature.max_annotations:
            message = f"Imports are limited to {feature.max_annotations} annotations per data row"
            raise Refused("ValidationError", message)
        self._counts[key] = counted

    def _ask(self, row: DataRow, value: dict[str, Any], feature: Feature, uuid: bytes | None) -> None:
        """Refuse a second answer to a question of a data row, unless it replaces the first, having its uuid."""
        question = question_of(value, feature)
        if question is not None:
            key = f"{row.id} {feature.schema_id} {question}"
            if key in self._answered and (uuid is None or self._answered[key] != uuid):
                raise invalid("_schema", "The classification is answered more than once on the data row.")
            self._answered[key] = uuid
        if times := list(times_of(value, feature)):
            held = self._held[row.id + feature.schema_id]
            if held.clash(times):
                raise invalid("answer", "A radio takes one answer at a time.")
            held.add(times)

    def _scene_of(self, row: DataRow) -> Scene:
        if row.asset is None and not self._neighbours:
            return self._scene
        return replace(self._scene, asset=row.asset or UNKNOWN, neighbours=self._neighbours_of(row))

    def _neighbours_of(self, row: DataRow) -> Neighbours:
        by_id = self._neighbours.get(("id", row.id), {})
        return {**by_id, **self._neighbours.get(("globalKey", row.global_key or ""), {})}

    def _verdict(
        self, line: Line, value: dict[str, Any], key: bytes | None, shown: dict[str, Any], refusals: list[Refused]
    ) -> tuple[Verdict, Place | None]:
        number, start, end = line
        uuid = value.get("uuid")
        if not isinstance(uuid, str):
            assigned = line_uuid(self._item.id, number)
            uuid, key = str(assigned), assigned.bytes
        if refusals:
            more = {"additionalInfo": None} if self._settings.additional_info else {}
            errors = [{"name": refused.name, "message": str(refused), **more} for refused in refusals]
            return {"uuid": uuid, "dataRow": shown, "status": self._settings.failure_word, "errors": errors}, None
        place = (key, start, end - start) if key else None
        return {"uuid": uuid, "dataRow": shown, "status": "SUCCESS"}, place


def _reference(value: dict[str, Any]) -> Reference | Refused:
    try:
        return data_row_of(value)
    except Refused as refused:
        return refused


def _shown(row: DataRow | None, reference: Reference) -> dict[str, Any]:
    """Return the data row as status lines print it; a global key that does not exist is left out."""
    if row is not None:
        return {"id": row.id, "globalKey": row.global_key}
    return {"id": reference[1]} if reference[0] == "id" else {}
