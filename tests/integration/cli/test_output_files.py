"""A command writes no file over one that is not its own, and no empty file over a full one."""

import json
from pathlib import Path

import orjson
import pytest

from tests.support.command import Command, command_of
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project


@pytest.fixture
def prelabel(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_of(project.settings, monkeypatch, tmp_path, capsys)


def rows(path: Path, *row_keys: str) -> Path:
    path.write_bytes(b"".join(real_message(key).raw + b"\n" for key in row_keys))
    return path


def test_a_report_of_another_file_is_refused_before_anything_is_published(
    project: Project, prelabel: Command, tmp_path: Path
) -> None:
    first, second, report = rows(tmp_path / "a.ndjson", "a"), rows(tmp_path / "b.ndjson", "b"), tmp_path / "r.ndjson"
    assert prelabel("publish", str(first), "--report", str(report)).code == 0
    before = report.read_bytes()

    done = prelabel("publish", str(second), "--report", str(report))

    assert done.code == 2
    assert f"{report} is the report of {first}, and would lose what became of its rows: name another file" in done.err
    assert report.read_bytes() == before
    assert project.status().published == 1


def test_two_files_of_the_same_name_in_two_folders_are_two_files(prelabel: Command, tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        rows(tmp_path / name / "rows.ndjson", name)
    assert prelabel("publish", "monday/rows.ndjson", "--report", "r.ndjson").code == 0
    assert prelabel("publish", "tuesday/rows.ndjson", "--report", "r.ndjson").code == 2


def test_the_same_file_by_its_relative_and_its_whole_path_resumes(
    project: Project, prelabel: Command, tmp_path: Path
) -> None:
    file = rows(tmp_path / "a.ndjson", "a")
    assert prelabel("publish", "a.ndjson", "--report", "r.ndjson").code == 0
    rows(file, "a", "b")
    done = prelabel("publish", str(file), "--report", "r.ndjson")
    assert (done.code, done.out) == (0, "published 1, refused 0, published before 1\n")
    assert [json.loads(line)["file"] for line in (tmp_path / "r.ndjson").read_text().splitlines()] == [str(file)] * 2


@pytest.mark.parametrize("content", [b"notes\n", b'{"a": 1}\n', b'{"line": 1, "globalKey": "a", "reason": "x"}\n'])
def test_a_file_that_is_no_report_is_not_written_over(prelabel: Command, tmp_path: Path, content: bytes) -> None:
    rows(tmp_path / "a.ndjson", "a")
    (tmp_path / "notes").write_bytes(content)
    assert prelabel("publish", "a.ndjson", "--report", "notes").code == 2
    assert (tmp_path / "notes").read_bytes() == content


def test_the_file_that_is_published_cannot_be_its_own_report(prelabel: Command, tmp_path: Path) -> None:
    content = rows(tmp_path / "a.ndjson", "a").read_bytes()
    assert prelabel("publish", "a.ndjson", "--report", "a.ndjson").code == 2
    assert (tmp_path / "a.ndjson").read_bytes() == content


@pytest.mark.parametrize("format_", ["ndjson", "csv"])
def test_an_export_that_matches_nothing_leaves_the_older_file(
    project: Project, prelabel: Command, tmp_path: Path, format_: str
) -> None:
    kill(project, real_message("a"))
    output = tmp_path / "dead"
    words = ("dead", "export", "--format", format_, "--output", str(output), "--project", "p")
    assert prelabel(*words).code == 0
    before = output.read_bytes()

    done = prelabel(*words, "--reason", "wrong-kind")

    assert done.code == 3
    assert f"nothing matches: {output} is left as it was" in done.err
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["dead"]


def test_an_export_that_matches_nothing_makes_no_file(project: Project, prelabel: Command, tmp_path: Path) -> None:
    assert prelabel("dead", "export", "--project", "p", "--output", "dead").code == 3
    assert not (tmp_path / "dead").exists()


def test_a_dry_run_says_what_it_would_do_and_why_not_the_rest(project: Project, prelabel: Command) -> None:
    named, first, second, bad = (
        real_message("named", name="vesel"),
        real_message("first"),
        real_message("second"),
        real_message("bad", name="vesel", annotations=[{"name": "vesel", "bbox": {"top": 1}}]),
    )
    kill(project, named, first, second, bad)

    done = prelabel("dead", "retry", "--project", "p", "--rename-feature", "vesel=vessel", "--dry-run")

    assert done.out == "would retry 1 of 4; 3 skipped: 2 unchanged, 1 invalid-annotation\n"
    (whole,) = orjson.loads(prelabel("dead", "list", "--project", "p", "--limit", "1", "--json").out)["deadLetters"]
    assert prelabel("dead", "discard", "--project", "p", "--dry-run").out == "would discard 4 of 4\n"
    assert prelabel("dead", "retry", whole["id"], "999", "--project", "p", "--dry-run").out == (
        "would retry 1 of 2; 1 skipped: 1 no dead letter\n"
    )
