"""Files that are written for their owner alone, never through a link, whole or not at all."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from prelabel.private_files import UnsafeFile, check_regular, opener, replacing
from prelabel_worker.queries.row_report import ReportedRow, RowReport
from prelabel_worker.setup.adding_state import StateFile

ROW = ReportedRow("p", {"globalKey": "a"}, "id", "line 1")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=["link", "dangling", "pipe", "folder"])
def unsafe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that a file with rows must not be written to."""
    path, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    makers: dict[str, Callable[[], object]] = {
        "link": lambda: (elsewhere.write_text("kept"), path.symlink_to(elsewhere)),
        "dangling": lambda: path.symlink_to(elsewhere),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    makers[request.param]()
    return path


def test_only_regular_files_are_replaced_or_opened(unsafe: Path) -> None:
    before = unsafe.lstat()

    with pytest.raises(UnsafeFile), replacing(unsafe):
        pass
    with pytest.raises(UnsafeFile), open(unsafe, "ab", opener=opener):
        pass
    with pytest.raises(UnsafeFile):
        RowReport(unsafe, "-")

    assert unsafe.lstat() == before
    assert {path.name: path.read_text() for path in unsafe.parent.iterdir() if path != unsafe} in (
        {},
        {"elsewhere": "kept"},
    )


def test_a_file_is_replaced_whole_and_its_parts_are_private_and_have_a_new_name_each_time(tmp_path: Path) -> None:
    path, names = tmp_path / "out", set()
    path.write_text("older")
    path.chmod(0o666)
    for content in (b"one", b"two"):
        before = path.read_bytes()
        with replacing(path) as file:
            file.write(content)
            (part,) = (each for each in tmp_path.iterdir() if each != path)
            names.add(part.name)
            assert (mode(part), path.read_bytes()) == (0o600, before)
        assert (path.read_bytes(), mode(path)) == (content, 0o600)

    assert len(names) == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out"
    path.write_text("older")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out", "older")]


def test_a_name_as_long_as_the_file_system_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)

    with replacing(path) as file:
        file.write(b"a")

    assert path.read_bytes() == b"a"


def test_nothing_and_a_regular_file_are_fine(tmp_path: Path) -> None:
    check_regular(tmp_path / "nothing")
    (tmp_path / "file").touch()
    check_regular(tmp_path / "file")


def test_the_report_of_rows_is_private_from_its_first_row_also_where_an_older_one_was_open(tmp_path: Path) -> None:
    path = tmp_path / "report"
    for _ in range(2):
        report = RowReport(path, "-")
        report.add(ROW)
        report.commit()
        assert mode(path) == 0o600
        path.chmod(0o644)
    report.write()
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_state_of_adding_rows_is_private_and_follows_no_link(tmp_path: Path) -> None:
    rows, elsewhere = tmp_path / "rows.ndjson", tmp_path / "elsewhere"
    rows.touch()
    elsewhere.write_text("kept")
    file = StateFile(rows, "target")
    file.path.with_name(f"{file.path.name}.part").symlink_to(elsewhere)

    state = file.save(file.load(), dataset_id="d")

    assert (mode(file.path), elsewhere.read_text()) == (0o600, "kept")
    file.path.unlink()
    file.path.symlink_to(elsewhere)
    with pytest.raises(UnsafeFile):
        file.save(state)
    assert elsewhere.read_text() == "kept"
