"""`validate --mapping` checks what `publish` would send: each message for the project that the mapping sends it to."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel_worker.cli.publish import validate
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.file_validation import OfProject
from prelabel_worker.settings import load_settings
from tests.support.command import Command, command_of
from tests.support.reading import tool

BOX = {"bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
ROUTES = """
[[routes]]
empty = true
leave_out = true
[[routes]]
below = 0.5
projects = ["review", "audit"]
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    settings = load_settings(redis_url="redis://127.0.0.1:1/0", labelbox_api_key="k")
    return command_of(settings, monkeypatch, tmp_path, capsys)


def message(key: str, *names: str, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    annotations = [{"name": name, "confidence": confidence, **BOX} for name in names]
    return {"dataRow": {"globalKey": key}, "annotations": annotations, **more}


def files(folder: Path, mapping: str, *lines: dict[str, Any]) -> tuple[str, ...]:
    """Write a mapping and messages; return the words that name them."""
    (folder / "mapping.toml").write_text(mapping)
    (folder / "lines.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(folder / "lines.ndjson"), "--mapping", str(folder / "mapping.toml")


def ontology(folder: Path, *names: str) -> tuple[str, ...]:
    content = {"mediaType": "IMAGE", "tools": tool("rectangle", *names), "classifications": []}
    (folder / "ontology.json").write_text(json.dumps(content))
    return "--ontology", str(folder / "ontology.json")


def test_messages_are_counted_for_the_projects_that_they_go_to(command: Command, tmp_path: Path) -> None:
    words = files(
        tmp_path,
        'project = "harbour"' + ROUTES,
        message("a", "boat"),
        message("b", "boat", confidence=0.4),
        message("c"),
        message("d", "boat", projectId="own"),
    )

    done, tried = command("validate", *words, "--json"), command("publish", *words, "--dry-run", "--json")

    report = json.loads(done.out)
    assert (report["lines"], report["valid"], report["invalid"]) == (3, 3, 0)
    assert {each["projectId"]: each["messages"] for each in report["projects"]} == {
        "harbour": 1, "review": 1, "audit": 1, "own": 1,
    }  # fmt: skip
    assert {each["projectId"]: each["messages"] for each in json.loads(tried.out)["projects"]} == {
        each["projectId"]: each["messages"] for each in report["projects"]
    }
    assert "left out: 1 data rows that a route leaves out" in done.err


def test_a_line_that_several_projects_refuse_is_one_invalid_line(command: Command, tmp_path: Path) -> None:
    words = files(tmp_path, ROUTES, message("a", "whale", confidence=0.4), message("b", "boat", confidence=0.4))

    done = command("validate", *words, *ontology(tmp_path, "boat"))

    assert done.code == 1
    assert "2 lines: 1 valid, 1 invalid\n" in done.out
    assert "  review: 2 messages, 1 invalid\n  audit: 2 messages, 1 invalid\n" in done.out
    assert done.out.count("line 1: annotations[0].name") == 2


def test_each_plain_line_of_a_data_row_counts_once(command: Command, tmp_path: Path) -> None:
    row = {"dataRow": {"globalKey": "a"}, "confidence": 0.4, **BOX}
    words = files(tmp_path, ROUTES, {"name": "whale", **row}, {"name": "boat", **row}, {"name": "fish", **row})

    done = command("validate", *words, *ontology(tmp_path, "boat"), "--json")

    report = json.loads(done.out)
    assert (report["lines"], report["valid"], report["invalid"]) == (3, 1, 2)
    assert [each["line"] for each in report["errors"]] == [1, 1, 3, 3]


def test_the_rows_of_a_batch_are_one_line(command: Command, tmp_path: Path) -> None:
    table = """
project = "p"
global_key = "{body.keys.*}"
[output]
items = "found.*"
box = "box"
box_format = "xywh"
label = "label"
"""
    found = [[{"box": [1, 2, 3, 4], "label": name}] for name in ("boat", "whale", "boat")]
    words = files(tmp_path, table, {"keys": ["a", "b", "c"], "found": found})

    done = command("validate", *words, "--format", "outputs", *ontology(tmp_path, "boat"), "--json")

    report = json.loads(done.out)
    assert (report["lines"], report["invalid"], len(report["errors"])) == (1, 1, 1)
    assert report["projects"] == [{"projectId": "p", "messages": 3, "invalid": 1}]


def test_records_of_a_format_are_counted_for_each_project_too(command: Command, tmp_path: Path) -> None:
    results = [{"image_id": at, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.4} for at in (1, 2)]
    content = {"annotations": results, "categories": [{"id": 1, "name": "whale"}]}
    words = files(tmp_path, ROUTES)
    (tmp_path / "results.json").write_text(json.dumps(content))

    done = command(
        "validate", str(tmp_path / "results.json"), *words[1:], "--format", "coco-results", *ontology(tmp_path, "boat")
    )

    assert "2 records: 0 valid, 2 invalid\n" in done.out
    assert "  review: 2 messages, 2 invalid\n  audit: 2 messages, 2 invalid\n" in done.out


def test_with_a_project_each_message_is_checked_with_the_ontology_of_its_own(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = {"review": "whale", "audit": "boat", "harbour": "boat"}
    asked: list[str] = []

    def of_project(project: str, *_: Any) -> OfProject:
        asked.append(project)
        normalized = {"tools": tool("rectangle", features[project]), "classifications": []}
        return OfProject(Ontology.from_normalized(normalized, "IMAGE"), project)

    monkeypatch.setattr(validate, "_of_project", of_project)  # it asks Labelbox
    words = files(tmp_path, ROUTES, *(message(key, "whale", confidence=0.4) for key in "ab"), message("c", "boat"))

    done = command("validate", *words, "--project", "harbour")

    assert sorted(asked) == ["audit", "harbour", "review"]
    assert (
        "  review: 2 messages, 0 invalid\n  audit: 2 messages, 2 invalid\n  harbour: 1 message, 0 invalid" in done.out
    )


def test_the_project_of_the_mapping_is_that_of_data_rows_that_name_none(command: Command, tmp_path: Path) -> None:
    words = files(tmp_path, 'project = "harbour"', message("a", "boat"))

    assert json.loads(command("validate", *words, "--json").out)["projects"][0]["projectId"] == "harbour"
    assert json.loads(command("validate", words[0], "--json").out)["projects"] == []
