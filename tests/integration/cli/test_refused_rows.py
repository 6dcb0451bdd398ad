"""What a report and a check say of rows that were refused: everything that could be read of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, command_of
from tests.support.project import Project

BOX = {"name": "box", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
FLAT = {"name": "box", "bbox": {"top": 1, "left": 2, "height": 0, "width": 4}}
HEAD = {"messageId": "m-1", "projectId": "img", "dataRow": {"globalKey": "refused-key"}}


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`prelabel`."""
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def reported(prelabel: Command, folder: Path, text: str, *options: str, code: int = 1) -> list[dict[str, Any]]:
    file, report = folder / "rows", folder / "report.ndjson"
    file.write_text(text)
    done = prelabel("publish", str(file), "--report", str(report), *options)
    assert done.code == code, done.err
    return sorted((json.loads(line) for line in report.read_text().splitlines()), key=lambda row: row["where"])


def test_a_refused_message_is_reported_with_its_row_and_the_reason(prelabel: Command, tmp_path: Path) -> None:
    (row,) = reported(prelabel, tmp_path, json.dumps(HEAD | {"annotations": [FLAT]}))

    assert (row["projectId"], row["dataRow"], row["messageId"]) == ("img", {"globalKey": "refused-key"}, "m-1")
    assert (row["where"], row["outcome"], row["reason"]) == ("line 1", "refused", "invalid-annotation")
    assert row["details"] == {
        "problem": "annotations[0].bbox.height: expected a number greater than 0, found 0 [invalid-annotation]",
        "path": "annotations[0].bbox.height",
        "found": "0",
        "expected": "a number greater than 0",
    }


def test_a_misspelt_key_is_reported_with_its_suggestion(prelabel: Command, tmp_path: Path) -> None:
    (row,) = reported(prelabel, tmp_path, json.dumps(HEAD | {"annotations": [BOX | {"confidance": 1}]}))

    assert row["details"]["hint"] == "did you mean confidence?"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps(HEAD | {"annotations": [BOX]})[:-5], "malformed-json"),
        (json.dumps(HEAD | {"annotations": [FLAT | {"name": float("nan")}]}), "malformed-json"),
        (json.dumps(HEAD | {"annotations": [BOX], "pad": " " * (17 << 20)}), "message-too-large"),
        (json.dumps(HEAD | {"annotations": [BOX | {"answer": "x" * (5 << 20)}]}), "message-too-large"),
    ],
    ids=["cut", "NaN", "a line that is too long", "a message that is too large"],
)
def test_what_can_be_read_of_a_line_is_reported(prelabel: Command, tmp_path: Path, line: str, reason: str) -> None:
    (row,) = reported(prelabel, tmp_path, line)

    assert (row["projectId"], row["dataRow"], row["messageId"]) == ("img", {"globalKey": "refused-key"}, "m-1")
    assert row["reason"] == reason


def test_a_plain_line_in_a_file_of_messages_is_reported_with_its_data_row(prelabel: Command, tmp_path: Path) -> None:
    message, plain = HEAD | {"annotations": [BOX]}, BOX | {"dataRow": {"id": "d-1"}}
    rows = reported(prelabel, tmp_path, f"{json.dumps(message)}\n{json.dumps(plain)}", "--project", "img")

    assert (rows[-1]["projectId"], rows[-1]["dataRow"]) == ("img", {"id": "d-1"})
    assert rows[-1]["reason"] == "malformed-message"


def test_a_bad_record_of_another_format_is_reported_with_its_place_field_and_data_row(
    prelabel: Command, tmp_path: Path
) -> None:
    results = [
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1.5},
        {"category_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    text = json.dumps({"annotations": results, "categories": [{"id": 1, "name": "box"}]})
    bad, without = reported(prelabel, tmp_path, text, "--format", "coco-results", "--project", "img")

    assert (bad["projectId"], bad["dataRow"], bad["where"]) == ("img", {"globalKey": "7"}, "rows[0]")
    assert bad["reason"] == "unreadable-record"
    assert bad["details"] == {
        "problem": "score: expected 0 to 1, found 1.5", "path": "score", "found": "1.5", "expected": "0 to 1",
    }  # fmt: skip
    assert (without["dataRow"], without["details"]) == ({}, {"problem": "image_id is missing"})


def test_a_refused_row_keeps_its_outcome_when_another_has_its_message_id(
    project: Project, prelabel: Command, tmp_path: Path
) -> None:
    good, bad = (HEAD | {"annotations": [each]} for each in (BOX, FLAT))
    rows = reported(prelabel, tmp_path, f"{json.dumps(good)}\n{json.dumps(bad)}", "--wait", "--timeout", "0", code=3)

    assert [row["outcome"] for row in rows] == ["pending", "refused"]


def test_a_report_has_the_order_of_the_file_and_keeps_it_when_the_command_is_repeated(
    prelabel: Command, tmp_path: Path
) -> None:
    file, report = tmp_path / "rows.ndjson", tmp_path / "report.ndjson"
    messages = [HEAD | {"messageId": f"m-{at}", "annotations": [FLAT if at % 3 == 1 else BOX]} for at in range(7)]
    lines = [json.dumps(message) + "\n" for message in messages]

    def reported_ids() -> list[str]:
        prelabel("publish", str(file), "--report", str(report))
        return [json.loads(line)["messageId"] for line in report.read_text().splitlines()]

    file.write_text("".join(lines[2:6]))
    assert reported_ids() == ["m-2", "m-3", "m-4", "m-5"]
    file.write_text("".join(lines))
    in_order = [f"m-{at}" for at in range(7)]
    assert reported_ids() == in_order
    assert reported_ids() == in_order


def test_a_check_names_the_row_and_the_suggestion_of_each_error(prelabel: Command, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    misspelt, cut = (
        json.dumps(HEAD | {"annotations": [BOX | {"confidance": 1}]}),
        json.dumps(HEAD | {"annotations": []}),
    )
    plain = json.dumps({"dataRow": {"id": "d-1"}, "name": "box", "bbox": 3})
    file.write_text(f"{misspelt}\n{cut[:-2]}\n{plain}\n")

    first, second, third = prelabel("validate", str(file), "--json").json["errors"]

    assert first["hint"] == "did you mean confidence?"
    for error in (first, second):
        named = (error["projectId"], error["dataRow"], error["messageId"])
        assert named == ("img", {"globalKey": "refused-key"}, "m-1")
    assert (third["projectId"], third["dataRow"], third["hint"]) == (None, {"id": "d-1"}, None)


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--report", "r.ndjson"), ("--wait", "--timeout", "0")])
def test_the_json_of_publishing_has_all_that_the_text_says_of_an_error(
    prelabel: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "rows.ndjson"
    misspelt = json.dumps(HEAD | {"annotations": [BOX | {"confidance": 1}]})
    paged = json.dumps(HEAD | {"annotations": [BOX | {"page": 1}]})
    file.write_text(f"{misspelt}\n{paged}\n{misspelt[:-4]}\n")

    done = prelabel("publish", str(file), *options, "--json")
    first, second, third = errors = done.json["errors"]

    assert errors == prelabel("validate", str(file), "--json").json["errors"]
    for error in errors:
        hint = f" ({error['hint']})" if error["hint"] else ""
        place = error["path"] or "message"
        said = f"{place}: expected {error['expected']}, found {error['found']}{hint} [{error['reason']}]"
        assert f"{error['where']}: {said}" in done.err
    assert first["hint"] == "did you mean confidence?"
    assert second["hint"] == "without page, it is a bounding box"
    assert third["hint"] is None
