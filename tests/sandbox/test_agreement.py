"""Worker, `prelabel validate` and sandbox agree on small files of reviewers, which lie beside this repository."""

import io
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.kinds import MEDIA_TYPES, kind_of_json
from prelabel.errors import Reason
from prelabel.readers import Record
from prelabel.readers.ndjson import LineOptions, LineRecord, read_lines
from prelabel_worker.chunks.held_rows import Origin, split_body
from prelabel_worker.chunks.rows import ChunkRow
from prelabel_worker.ontology.file import read_ontology
from prelabel_worker.rendering.file_validation import OfProject, validate
from prelabel_worker.rendering.row_builder import RowBuilder
from prelabel_worker.stages.build import build
from tests.support.sandbox.process import SandboxProcess
from tests.support.sources import ROOT

FOLDER = next((path for up in ROOT.parents[:2] if (path := up / "shared" / "cases").is_dir()), Path("shared/cases"))
FILES = sorted(
    path for letter in "APR" for path in FOLDER.glob(f"{letter}[0-9]*.ndjson") if not path.stem.endswith(".rows")
)
OURS = {Reason.DATA_ROW_FORM, Reason.DUPLICATE_UUID}
"""Reasons that protect a project's memory in prelabel. Labelbox, and so the sandbox, takes such lines."""
PROJECT = "harbour"

pytestmark = pytest.mark.skipif(not FILES, reason="the folder shared/cases is not beside this repository")


@dataclass(frozen=True, slots=True)
class Row:
    """A data row of a file: its lines, and why a worker refuses it, if it does."""

    numbers: tuple[int, ...]
    reason: Reason | None = None
    problem: str = ""


def media_of(lines: list[bytes]) -> list[str]:
    """Return the media types that have all kinds of these lines; image for lines that are not JSON."""
    media = set(MEDIA_TYPES)
    for line in lines:
        try:
            media &= kind_of_json(orjson.loads(line)).media
        except (orjson.JSONDecodeError, CheckFailed):
            return ["IMAGE"]
    return sorted(media) or ["IMAGE"]


def records_of(content: bytes) -> list[Record]:
    return [record for record in read_lines(io.BytesIO(content), LineOptions(PROJECT)) if isinstance(record, Record)]


def worker_says(content: bytes, builder: RowBuilder) -> tuple[list[Row], bytes]:
    """Return what a worker says of each data row, and the file that it sends."""
    records, messages = records_of(content), []
    for record in records:
        assert isinstance(record, LineRecord)
        messages.append(record.message if record.plain else b"{}")
    rows = [ChunkRow(at, at, 0, raw) for at, raw in enumerate(messages) if raw != b"{}"]
    built = build(rows, builder, Origin("submit", "c"))
    problems: dict[int, tuple[Reason, str]] = {}
    for outcome in built.set_aside:
        assert outcome.state is not None
        problems[outcome.index] = (Reason(outcome.state.reason), str(split_body(outcome.body)[0]))
    unread = (Reason.MALFORMED_JSON, "no message")
    refused = [problems.get(at) if raw != b"{}" else unread for at, raw in enumerate(messages)]
    numbers = [record.numbers for record in records if isinstance(record, LineRecord)]
    return [Row(one, *(why or ())) for one, why in zip(numbers, refused, strict=True)], b"".join(built.content)


def lines_refused_by_validate(content: bytes, check: OfProject) -> set[int]:
    report = validate(read_lines(io.BytesIO(content), LineOptions(PROJECT, mixed=True)), check, 100)
    return {fault.line for fault in report.errors if fault.line is not None}


def refused_by_sandbox(sandbox: SandboxProcess, project: str, lines: list[Any]) -> bool:
    return any(each["status"] != "SUCCESS" for each in sandbox.statuses(project, secrets.token_hex(4), lines))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_worker_validate_and_sandbox_give_one_verdict(sandbox: SandboxProcess, file: Path) -> None:
    definition = orjson.loads((FOLDER / "harbour.ontology.json").read_bytes())
    content = file.read_bytes()
    lines, ground_truth = content.splitlines(), "ground_truth" in file.stem
    for media in media_of(lines):
        ontology = read_ontology(definition, media).ontology
        rows, sent = worker_says(content, RowBuilder(PROJECT, ontology, ground_truth=ground_truth))
        faults = lines_refused_by_validate(content, OfProject(ontology, ground_truth=ground_truth))
        project = f"c{secrets.token_hex(12)}"
        sandbox.project(project, definition, mediaType=media)

        for row in rows:
            refused = row.reason is not None
            assert bool(faults & set(row.numbers)) == refused, f"{media}, lines {row.numbers}: {row.problem}, {faults}"
            if refused and row.reason not in OURS | {Reason.MALFORMED_JSON}:
                written = [orjson.loads(lines[number - 1]) for number in row.numbers]
                assert refused_by_sandbox(sandbox, project, written), f"{media}, lines {row.numbers}: {row.problem}"
        if sent:
            assert not refused_by_sandbox(sandbox, project, [orjson.loads(line) for line in sent.splitlines()]), media
