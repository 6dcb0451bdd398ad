"""`validate --as` checks rows as a project that imports ground truth, or pre-labels, would."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel_worker.settings import load_settings
from tests.golden import HARBOUR, cases
from tests.support.command import Command, Done, command_of

MARKED = {
    "dataRow": {"globalKey": "a"},
    "name": "vessel",
    "bbox": {"top": 1, "left": 2, "height": 3, "width": 4},
    "isBenchmarkReferenceLabel": True,
}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    settings = load_settings(redis_url="redis://127.0.0.1:1/0", labelbox_api_key="k")
    return command_of(settings, monkeypatch, tmp_path, capsys)


def validate(command: Command, folder: Path, lines: list[dict[str, Any]], *options: str) -> Done:
    file, ontology = folder / "lines.ndjson", folder / "ontology.json"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ontology.write_text(json.dumps(HARBOUR))
    return command("validate", str(file), "--ontology", str(ontology), "--media-type", "IMAGE", *options)


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--as", "pre-labels"), 1), (("--as", "ground-truth"), 0)])
def test_a_benchmark_mark_is_right_in_ground_truth_only(
    command: Command, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    done = validate(command, tmp_path, [MARKED], *options)

    assert done.code == code
    assert ("ground-truth-only" in done.out) == (code == 1)


def test_a_relationship_is_right_in_pre_labels_only(command: Command, tmp_path: Path) -> None:
    lines = next(case["lines"] for case in cases("valid") if case["id"] == "REL-1")

    assert validate(command, tmp_path, lines).code == 0
    assert "pre-labels-only" in validate(command, tmp_path, lines, "--as", "ground-truth").out


def test_what_rows_are_imported_as_needs_an_ontology(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_text(json.dumps(MARKED) + "\n")

    assert command("validate", str(file)).code == 0
    assert command("validate", str(file), "--as", "ground-truth").code == 2


def test_a_question_answered_on_two_lines_is_named_at_the_second(command: Command, tmp_path: Path) -> None:
    row = {"dataRow": {"globalKey": "a"}, "name": "weather"}
    lines = [row | {"answer": {"name": "clear"}}, MARKED, row | {"answer": {"name": "fog"}}]
    done = validate(command, tmp_path, lines, "--as", "ground-truth")

    assert done.code == 1
    assert done.out.startswith("line 3: ")
    assert "too-many-annotations" in done.out
