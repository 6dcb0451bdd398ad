"""`prelabel bridge folder`: files that grow, are rotated, truncated and packed while the bridge runs or is killed."""

import base64
import gzip
import json
import shutil
from pathlib import Path

import pytest

from tests.support.bridging import Bridges, record
from tests.support.waiting import wait_for


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


def add(path: Path, *records: bytes, end: bytes = b"\n") -> None:
    with open(path, "ab") as file:
        file.write(b"\n".join(records) + end)


def test_lines_are_published_once_and_a_partial_line_waits(bridges: Bridges, watched: Path) -> None:
    log = watched / "a.jsonl"
    half = record("c")[:20]
    add(log, record("a"), b"", record("b"), half, end=b"")
    bridges.run("folder", str(watched), "--once")
    assert sorted(bridges.lefts()) == ["a", "b"]

    add(log, record("c")[20:], record("d"), end=b"")  # the last line has no end, but is a whole object
    bridges.run("folder", str(watched), "--once")

    assert [each["dataRow"]["globalKey"] for each in bridges.messages()].count("a") == 1
    assert sorted(bridges.lefts()) == ["a", "b", "c", "d"]
    assert bridges.bad() == []


def test_rotation_by_renaming_copying_and_packing_neither_loses_nor_repeats_lines(
    bridges: Bridges, watched: Path
) -> None:
    log = watched / "a.jsonl"
    add(log, record("a"), record("b"))
    bridges.run("folder", str(watched), "--once")
    add(log, record("c"))
    log.rename(watched / "a.jsonl.1")
    add(log, record("d"))
    bridges.run("folder", str(watched), "--once")
    assert len(bridges.messages()) == 4

    with gzip.open(watched / "a.jsonl.1.gz", "wb") as packed:
        packed.write((watched / "a.jsonl.1").read_bytes() + record("e"))
    (watched / "a.jsonl.1").unlink()
    add(log, record("f"))
    shutil.copy(log, watched / "a.jsonl.2")  # what logrotate does with copytruncate
    log.write_bytes(b"")
    add(log, record("g"))
    bridges.run("folder", str(watched), "--once")

    assert sorted(bridges.lefts()) == list("abcdefg")
    assert len(bridges.messages()) == 7


def test_lines_that_are_no_records_are_kept_and_named(bridges: Bridges, watched: Path) -> None:
    add(watched / "a.jsonl", b"{broken", record("a"), b'"text"', record("b"))

    bridges.run("folder", str(watched), "--once", code=1)

    assert sorted(bridges.lefts()) == ["a", "b"]
    assert [each["where"] for each in bridges.bad()] == ["a.jsonl, byte 0", f"a.jsonl, byte {8 + len(record('a')) + 1}"]


def test_files_of_ours_links_and_other_names_are_not_read(bridges: Bridges, watched: Path, tmp_path: Path) -> None:
    add(watched / "a.jsonl", b"broken")
    add(tmp_path / "secret.jsonl", record("secret"))
    (watched / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    add(watched / "notes.txt", record("notes"))
    for _ in range(2):
        bridges.run("folder", str(watched), "--once", "--bad-records", str(watched / "bad.ndjson"), code=1 - _)

    assert bridges.messages() == []
    assert len((watched / "bad.ndjson").read_text().splitlines()) == 1


def test_two_bridges_do_not_share_a_folder(bridges: Bridges, watched: Path) -> None:
    add(watched / "a.jsonl", record("a"))
    bridges.start("folder", str(watched))
    wait_for(bridges.messages, "the first bridge")

    second = bridges.start("folder", str(watched))

    assert second.end() == 2
    assert "another bridge uses this state" in second.text


def test_captures_of_sagemaker_are_opened(bridges: Bridges, watched: Path) -> None:
    answer = json.dumps({"boxes": [{"class": "vessel", "at": [2, 1, 6, 4]}]})
    sides = [
        {"encoding": "JSON", "data": answer, "mode": "OUTPUT", "observedContentType": "application/json"},
        {"encoding": "BASE64", "data": base64.b64encode(answer.encode()).decode(), "mode": "OUTPUT"},
    ]
    lines = [
        json.dumps({
            "captureData": {"endpointInput": {"encoding": "BASE64", "data": "/9j/"}, "endpointOutput": side},
            "eventMetadata": {"eventId": f"e{at}", "inferenceId": f"cam-{at}"}, "eventVersion": "0",
        }).encode()
        for at, side in enumerate(sides)
    ]  # fmt: skip
    (watched / "2026/11/30").mkdir(parents=True)
    add(watched / "2026/11/30/x.jsonl", *lines, end=b"")
    bridges.mapping.write_text(
        'project = "p"\nglobal_key = "{body.eventMetadata.inferenceId}"\n'
        '[output]\nitems = "captureData.endpointOutput.data.boxes"\nlabel = "class"\n'
        'box = "at"\nbox_format = "xyxy"\n'
    )

    bridges.run("folder", str(watched), "--once", "--format", "sagemaker")

    assert bridges.lefts() == {"cam-0": 2, "cam-1": 2}


def test_a_killed_bridge_loses_no_line_of_a_folder_that_is_rotated(bridges: Bridges, watched: Path) -> None:
    def write(number: int) -> None:
        if number % 100 == 99:
            (watched / "a.jsonl").rename(watched / f"a.jsonl.{number}")
        add(watched / "a.jsonl", record(f"k{number}", left=number))

    bridges.survive(["folder", str(watched)], write, rows=400, seed=2, kills=2)

    assert bridges.lefts() == {f"k{n}": n for n in range(400)}
    assert bridges.bad() == []
