"""One uuid of a producer on two data rows: workers, the check of a file and the strict sandbox refuse the later row."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.publishing.buffer import Row
from tests.support.command import Command, command_of
from tests.support.rig import Rig

UUID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e110"


@pytest.fixture
def prelabel(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


def line(key: str, uuid: str) -> dict[str, Any]:
    box = {"top": 1, "left": 1, "height": 3, "width": 4}
    return {"uuid": UUID + uuid, "dataRow": {"globalKey": key}, "name": "car", "bbox": box}


def publish(rig: Rig, *lines: dict[str, Any]) -> None:
    for each in lines:
        annotation = {name: value for name, value in each.items() if name != "dataRow"}
        body = {"projectId": rig.project.id, "dataRow": each["dataRow"], "annotations": [annotation]}
        rig.project.publish(Row(f"k:{each['dataRow']['globalKey']}", orjson.dumps(body), 0))


def strictly_imported(rig: Rig, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the status lines of a sandbox that refuses everything that sources leave open."""
    rig.sandbox.control("POST", "/settings", {"strictFormat": True})
    try:
        return rig.sandbox.statuses(rig.project.id, "by hand", lines)
    finally:
        rig.sandbox.control("POST", "/settings", {"strictFormat": False})


def test_the_same_row_is_refused_by_all(rig: Rig, prelabel: Command) -> None:
    lines = [line("a", "1"), line("b", "2"), line("c", "1"), line("d", "3")]
    Path("lines.ndjson").write_text("\n".join(map(json.dumps, lines)))

    checks = [prelabel("validate", "lines.ndjson", *more) for more in ((), ("--project", rig.project.id))]
    publish(rig, *lines)
    rig.settle()
    there = strictly_imported(rig, lines)

    assert [(done.code, done.out.splitlines()[0].partition(": expected")[0]) for done in checks] == [
        (1, "line 3: uuid")
    ] * 2
    assert rig.pre_labels() == ["a", "b", "d"]
    assert (rig.dead_letter().data_row, rig.dead_letter().reason) == ("k:c", "duplicate-uuid")
    assert [each["status"] for each in there] == ["SUCCESS", "SUCCESS", "FAILURE", "SUCCESS"]


def test_a_row_that_is_published_again_with_its_uuids_is_superseded_or_overridden(rig: Rig) -> None:
    publish(rig, line("a", "1"), line("a", "1"))
    assert (rig.settle().imported, rig.status().superseded) == (1, 1)
    publish(rig, line("a", "1"))

    assert (rig.settle().overridden, rig.status().dead, rig.pre_labels()) == (1, 0, ["a"])
