"""Writes the lines of an export, one for each data row, in the form of Labelbox's exports.

Source: docs/reference/labelbox-api.md#2-12.
"""

import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.exports import annotations
from prelabel_sandbox.exports.selection import Facts, Selection
from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.account_rows import AccountRow
from prelabel_sandbox.store.projects import DataRow, Project
from prelabel_sandbox.store.row_content import StoredLine
from prelabel_sandbox.store.tasks import Task

Json = dict[str, Any]

_SLICE = 500  # data rows
_COLUMNS = {"data_row_id": "id", "global_key": "global_key", "dataset": "dataset_id"}
_PRIORITY = 5  # of every data row; batches do not keep theirs
_CREATED_BY = "labeler@sandbox.invalid"
_ADDRESSES = ("https://", "http://", "gs://", "s3://", "/assets/", "{")


def export(store: Store, task: Task, settings: Settings) -> Iterator[None]:
    """Write an export. Yields between slices; begins anew if an earlier process did not complete it."""
    spec = task.spec
    project = store.projects.get(spec["project"]) if spec["project"] else None
    if spec["project"] and project is None:  # exports are accepted only of existing projects, so it was deleted since
        raise LookupError("the project is gone")
    views = [_View(store, each, spec, settings) for each in _projects(store, spec, project)]
    writer, selection = store.exports.begin(spec["secret"]), Selection(spec["query"])
    for rows in _of_project(store, project) if project else _of_account(store, selection):
        lines = _lines(store, rows, views, selection, spec["params"])
        writer.add(json.dumps(line).encode() + b"\n" for line in lines)  # ASCII: SDK 5 counts characters
        yield
    writer.end()


def _lines(
    store: Store, rows: Sequence[DataRow], views: "Sequence[_View]", selection: Selection, params: Json
) -> Iterator[Json]:
    """Return the lines of those data rows that are selected."""
    account = store.account_rows.by_ids(row.id for row in rows)
    datasets = {dataset.id: dataset.name for dataset in store.datasets.all()}
    named = [row for row in rows if selection.names(row.id, row.global_key, _dataset_id(account.get(row.id)))]
    parts = [(view, view.read(named)) for view in views]
    for row in named:
        known = account.get(row.id)
        of_row = [(view, part[row.id]) for view, part in parts if row.id in part]
        if selection.has(_facts(row, known, [part for _, part in of_row])):
            projects = {part.project_id: view.shown(part) for view, part in of_row}
            yield {**_data_row(row, known, datasets, params), "projects": projects}


def _projects(store: Store, spec: Json, project: Project | None) -> list[Project]:
    """Return the projects whose labels are exported."""
    if project is not None:
        return [project]
    if spec["params"].get("allProjects"):
        return store.projects.all()
    return [found for each in spec["params"].get("projectIds") or () if (found := store.projects.get(each))]


def _of_project(store: Store, project: Project) -> Iterator[list[DataRow]]:
    skip = 0
    while rows := [row for row, _ in store.browsing.rows(project, "", _SLICE, skip).rows]:
        yield rows
        skip += len(rows)


def _of_account(store: Store, selection: Selection) -> Iterator[list[DataRow]]:
    seq, where = 0, {_COLUMNS[kind]: values for kind, values in selection.named().items()}
    while rows := store.account_rows.after(seq, _SLICE, where):
        yield [DataRow(row.id, row.global_key, Asset(row_data=row.row_data)) for row in rows]
        seq = rows[-1].seq


@dataclass(frozen=True, slots=True)
class _InProject:
    """What a project has of a data row."""

    project_id: str
    name: str
    #: When the project was created, as Unix time in seconds.
    created: float
    labels: list[Json]
    #: Ids and names, oldest first.
    batches: Sequence[tuple[str, str]]
    #: When its labels were created, as Unix times in seconds.
    times: Sequence[float]
    #: Whether it has ground truth.
    is_done: bool


class _View:
    """The labels of a project."""

    def __init__(self, store: Store, project: Project, spec: Json, settings: Settings) -> None:
        params = spec["params"]
        self._store = store
        self._every_row = spec["project"] is not None  # an account has data rows that such a project never had
        self._project = project
        self._params = params
        self._base = f"{spec['base']}/projects/{quote(project.id, '')}/rows"
        self._with_pre_labels = settings.export_pre_labels
        self._truth = store.row_content.truth(project)
        store.row_content.catch_up(project)
        media = media_of(project.media_type, project.editor_task_type)
        levels = annotations.levels_of(project.ontology)
        interpolated = bool(params.get("includeInterpolatedFrames"))
        form = partial(annotations.Project, media, *levels, interpolated=interpolated)
        self._forms = {"label": form(address=_instance), "pre-label": form(address=self._address)}
        self._media = media

    def read(self, rows: Sequence[DataRow]) -> Mapping[str, _InProject]:
        """Return what the project has of those data rows that it has, by id."""
        if self._project.any_rows:
            mine = list(rows)
        else:
            mine = list(self._store.projects.data_rows(self._project, [("id", row.id) for row in rows]).values())
        batches = self._store.row_content.batches(self._project.id, [row.id for row in mine])
        found = self._store.row_content.pre_labels(self._project, mine) if self._with_pre_labels else {}
        parts = {row.id: self._in_project(row, batches.get(row.id, []), found.get(row.id, [])) for row in mine}
        if self._every_row or not self._project.any_rows:
            return parts
        return {row_id: part for row_id, part in parts.items() if part.labels}

    def shown(self, part: _InProject) -> Json:
        """Return what the export says of a data row in the project."""
        shown: Json = {"name": part.name, "labels": part.labels}
        if self._params.get("includeProjectDetails"):
            shown["project_details"] = self._details(part)
        return shown

    def _in_project(self, row: DataRow, batches: list[tuple[str, str]], pre_labels: list[StoredLine]) -> _InProject:
        truth = self._truth.get(row.id, [])
        by_kind = {"label": truth, "pre-label": pre_labels}
        labels = [self._label(kind, row, lines) for kind, lines in by_kind.items() if lines]
        times = [line.created for lines in by_kind.values() for line in lines]
        project = self._project
        return _InProject(project.id, project.name, project.created, labels, batches, times, bool(truth))

    def _label(self, kind: str, row: DataRow, stored: list[StoredLine]) -> Json:
        label_id = derived_id(self._project.id, row.id, kind)
        lines = [annotations.Line(line.uuid, orjson.loads(line.content)) for line in stored]
        label_kind = "Video" if self._media == "video" else "Default"
        label: Json = {"label_kind": label_kind, "version": "1.0.0", "id": label_id}
        if self._params.get("includeLabelDetails"):
            first, last = (_time(each) for each in (stored[0].created, stored[-1].created))
            times = {"created_at": first, "updated_at": last, "content_last_updated_at": last}
            label["label_details"] = {**times, "created_by": _CREATED_BY, "reviews": []}
        if self._params.get("includePerformanceDetails"):
            label["performance_details"] = {"seconds_to_create": 0, "seconds_to_review": 0, "skipped": False}
        made = annotations.annotations_of(self._forms[kind], lines, label_id, row.id, _text(row.asset, self._media))
        return {**label, "annotations": made}

    def _details(self, part: _InProject) -> Json:
        batch_id, batch_name = part.batches[-1] if part.batches else (None, None)
        return {
            "ontology_id": self._project.ontology_id,
            "batch_id": batch_id,
            "batch_name": batch_name,
            "workflow_status": "DONE" if part.is_done else "TO_LABEL",
            "priority": _PRIORITY,
            "consensus_expected_label_count": 1,
            "workflow_history": [],
            "selected_label_id": part.labels[0]["id"] if part.is_done else None,
        }

    def _address(self, mask: Json, uuid: bytes, row_id: str, frame: int | None) -> str | None:
        """Return the address of a mask; of an inline one, that of the picture on the sandbox's pages."""
        picture = "image" if frame is None else str(frame)
        inline = f"{self._base}/{quote(row_id, '')}/masks/{UUID(bytes=uuid)}/{picture}.png"
        return _instance(mask, uuid, row_id, frame) or inline


def _instance(mask: Json, _: bytes, __: str, ___: int | None) -> str | None:
    url = mask.get("instanceURI")
    return str(url) if url is not None else None


def _dataset_id(known: AccountRow | None) -> str | None:
    return known.dataset_id if known else None


def _facts(row: DataRow, known: AccountRow | None, of_row: Sequence[_InProject]) -> Facts:
    labeled = [time for part in of_row for time in part.times]
    added = [known.updated] if known else [part.created for part in of_row]
    return Facts(
        row.id,
        row.global_key,
        _dataset_id(known),
        [batch_id for part in of_row for batch_id, _ in part.batches],
        max([*added, *labeled]),
        labeled,
        any(part.is_done for part in of_row),
    )


def _data_row(row: DataRow, known: AccountRow | None, datasets: Mapping[str, str], params: Json) -> Json:
    asset = row.asset or UNKNOWN
    row_data = known.row_data if known else asset.row_data
    external_id = known.external_id if known else None
    shown: Json = {"id": row.id, "external_id": external_id, "global_key": row.global_key, "row_data": row_data}
    if params.get("includeDataRowDetails"):
        created, updated = (_time(known.created), _time(known.updated)) if known else (None, None)
        dataset = (known.dataset_id, datasets.get(known.dataset_id)) if known else (None, None)
        shown["details"] = {
            **dict(zip(("dataset_id", "dataset_name"), dataset, strict=True)),
            "created_at": created,
            "updated_at": updated,
            "last_activity_at": updated,
            "created_by": _CREATED_BY,
        }
    parts = {"Attachments": "attachments", "Metadata": "metadata_fields", "Embeddings": "embeddings"}
    more: Json = {key: [] for name, key in parts.items() if params.get(f"include{name}")}  # the sandbox keeps none
    return {"data_row": shown, "media_attributes": _attributes(asset, row_data), **more}


def _attributes(asset: Asset, row_data: str | None) -> Json:
    """Return what is known of an asset; the sandbox looks into none."""
    known = {
        "width": asset.width,
        "height": asset.height,
        "frame_count": asset.frames,
        "duration": asset.seconds,
        "page_count": asset.pages,
        "mime_type": _mime_type(row_data or ""),
    }
    return {key: value for key, value in known.items() if value is not None}


def _mime_type(row_data: str) -> str | None:
    """Return the type that the name of an asset at an address has."""
    if not row_data.startswith(("https://", "http://", "/assets/")):
        return None
    return mimetypes.guess_type(row_data.partition("?")[0])[0]


def _text(asset: Asset | None, media: str) -> str | None:
    """Return the text that entities are parts of; one at an address is not read."""
    text = asset.row_data if asset and media == "text" else None
    return text if text and not text.startswith(_ADDRESSES) else None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
