"""`publish --dry-run`, `validate` and `ontology infer` with a mapping: messages, plain NDJSON and outputs of models."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from prelabel.mapping import BadMapping, PredictionMapping, read_mapping
from prelabel.mapping.file import mapping_of
from prelabel.readers import BadRecord, Record
from prelabel.readers.mapped import map_lines, read_outputs
from prelabel.readers.ndjson import LineOptions, LineRecord, read_lines
from prelabel.text_input import open_text
from prelabel_worker.cli.main import app

BOX = {"bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
CLASSES: dict[str, Any] = {"confidence": 0.5, "classes": {"person": "Person", "cat": {"drop": True}}}
OUTPUT = """
project = "p"
global_key = "{body.file}"
[classes]
person = "Person"
[output]
items = "found"
box = "box"
box_format = "xyxy"
label = "label"
score = "score"
"""
FOUND = {"file": "a.jpg", "found": [{"box": [1, 2, 3, 4], "label": "person", "score": 0.5}]}


def ndjson(folder: Path, *lines: Any) -> Path:
    path = folder / "lines.ndjson"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def mapped(path: Path, mapping: PredictionMapping) -> tuple[list[LineRecord], list[BadRecord]]:
    with open_text(path) as stream:
        records = list(map_lines(read_lines(stream, LineOptions("p")), mapping, path.name))
    lines = [record for record in records if isinstance(record, Record)]
    assert all(isinstance(line, LineRecord) for line in lines)
    return lines, [record for record in records if isinstance(record, BadRecord)]  # type: ignore[return-value]


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_messages_are_mapped_and_what_is_no_message_is_passed_on(tmp_path: Path) -> None:
    message = {"dataRow": {"globalKey": "a"}, "annotations": [{"name": "person", **BOX}]}
    path = ndjson(tmp_path, message, '{"annotations": [', "3")

    lines, bad = mapped(path, mapping_of(CLASSES))

    assert json.loads(lines[0].message)["annotations"][0]["name"] == "Person"
    assert [line.message for line in lines[1:]] == [b'{"annotations": [', b"3"]
    assert bad == []


def test_plain_lines_that_are_left_keep_their_numbers(tmp_path: Path) -> None:
    row = {"dataRow": {"globalKey": "a"}, **BOX}
    other = {"dataRow": {"globalKey": "b"}, **BOX}
    names = [{"name": "cat", **row}, {"name": "person", **row}, {"name": "cat", **other}, {"name": "dog", **row}]

    lines, _ = mapped(ndjson(tmp_path, *names), mapping_of(CLASSES))

    assert [(line.numbers, line.plain) for line in lines] == [((2, 4), True), ((3,), False)]
    assert [each["name"] for each in json.loads(lines[0].message)["annotations"]] == ["Person", "dog"]
    assert json.loads(lines[1].message)["annotations"] == []


def test_a_class_that_is_refused_is_a_bad_record_at_its_line(tmp_path: Path) -> None:
    row = {"dataRow": {"globalKey": "a"}, **BOX}

    _, bad = mapped(ndjson(tmp_path, {"name": "person", **row}, {"name": "persn", **row}),
                    mapping_of({**CLASSES, "unmapped": "refuse"}))  # fmt: skip

    (record,) = bad
    assert (record.number, record.path, record.found) == (2, "name", 'the text "persn"')  # type: ignore[attr-defined]
    assert "did you mean person?" in record.problem


def test_a_row_that_is_left_out_is_no_record(tmp_path: Path) -> None:
    lines, bad = mapped(
        ndjson(tmp_path, {"dataRow": {"globalKey": "a"}, "annotations": [{"name": "cat", **BOX}]}),
        mapping_of({**CLASSES, "empty": "leave-out"}),
    )

    assert (lines, bad) == ([], [])


def test_lines_of_outputs_are_read_and_a_bad_one_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(OUTPUT)
    path = ndjson(tmp_path, "{", {**FOUND, "file": ""}, {"file": "b.jpg", "found": 3}, "", FOUND)

    with open_text(path) as stream:
        records = list(read_outputs(stream, read_mapping(tmp_path / "mapping.toml"), path.name))

    bad = [(each.number, each.reason.value) for each in records if isinstance(each, BadRecord)]  # type: ignore[attr-defined]
    assert bad == [(1, "malformed-json"), (2, "malformed-message"), (3, "unreadable-record")]
    (line,) = [each for each in records if isinstance(each, LineRecord)]
    assert line.numbers == (5,)


def test_outputs_are_checked_published_and_make_an_ontology(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(OUTPUT)
    path = str(ndjson(tmp_path, FOUND, {**FOUND, "file": ""}))
    how = ("--format", "outputs", "--mapping", str(tmp_path / "mapping.toml"))

    tried, checked = run("publish", path, *how, "--dry-run"), run("validate", path, *how)
    inferred = run("ontology", "infer", path, *how)

    assert "would publish 1, refuse 1" in tried.stdout
    assert "p: 1 message, annotations: bounding box 1" in tried.stdout
    assert "2 lines: 1 valid, 1 invalid" in checked.stdout
    assert "{body.file} is empty" in checked.stdout
    assert [tool["name"] for tool in json.loads(inferred.stdout)["tools"]] == ["Person"]


def test_the_names_of_a_mapping_are_checked_against_the_ontology_of_validate(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text("[classes]\nperson = 'Person'")
    (tmp_path / "ontology.json").write_text(json.dumps({"tools": [{"tool": "rectangle", "name": "Persons"}]}))
    path = str(ndjson(tmp_path, {"projectId": "p", "dataRow": {"id": "a"}, "annotations": [{"name": "person", **BOX}]}))

    done = run(
        "validate", path, "--mapping", str(tmp_path / "mapping.toml"), "--ontology", str(tmp_path / "ontology.json")
    )

    assert isinstance(done.exception, BadMapping)
    assert "classes.person.feature: the ontology has no feature 'Person'; did you mean Persons?" in str(done.exception)


@pytest.mark.parametrize("project", [(), ("--project", "rest")])
def test_publishing_routes_what_names_no_project(tmp_path: Path, project: tuple[str, ...]) -> None:
    (tmp_path / "mapping.toml").write_text("[[routes]]\nbelow = 0.5\nprojects = ['a', 'b']")
    lines = [
        {"dataRow": {"globalKey": str(score)}, "annotations": [{"name": "x", "confidence": score, **BOX}]}
        for score in (0.1, 0.9)
    ]
    lines[0]["projectId"] = None  # as many languages write it

    done = run(
        "publish", str(ndjson(tmp_path, *lines)), "--mapping", str(tmp_path / "mapping.toml"), "--dry-run", *project
    )

    counts = {"a": 1, "b": 1, **({"rest": 1} if project else {})}
    assert f"would publish {sum(counts.values())}, refuse 0" in done.stdout
    for name in counts:
        assert f"  {name}: 1 message" in done.stdout
    assert ("left out: 1 data rows that no route takes" in done.stderr) == (not project)


def test_results_of_coco_are_routed_too(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text("[[routes]]\nbelow = 0.5\nproject = 'a'\n[[routes]]\nproject = 'b'")
    results = [{"image_id": at, "category_id": 1, "bbox": [1, 2, 3, 4], "score": at / 10} for at in range(10)]
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"annotations": results, "categories": [{"id": 1, "name": "person"}]}))

    done = run(
        "publish", str(path), "--format", "coco-results", "--mapping", str(tmp_path / "mapping.toml"), "--dry-run"
    )

    assert "  a: 5 messages" in done.stdout
    assert "  b: 5 messages" in done.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--format", "outputs"), "--format outputs needs --mapping FILE with a table [output]"),
        (("--format", "messages", "--global-key", "x"), "--global-key means nothing to --format messages"),
        (("--format", "ndjson"), "ndjson needs --project"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    done = run("publish", str(ndjson(tmp_path, FOUND)), "--dry-run", *options)

    assert (done.exit_code, problem in done.stderr) == (2, True)
