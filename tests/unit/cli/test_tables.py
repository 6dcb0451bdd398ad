"""Tables on a narrow terminal: no id is folded or cut, since it is what the next command needs."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from rich.table import Table

from prelabel.unix_time import UnixTime
from prelabel_worker.cli.dead.list import _dead_letters
from prelabel_worker.cli.health.status import table as project_table
from prelabel_worker.cli.imports.command import _table as import_table
from prelabel_worker.cli.shared.listing import Screen
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.queries.imports import ImportStatus
from prelabel_worker.queries.status import ProjectStatus

ID = "CM1A2B3C4D5E6F7G8H9I0J1K2".translate(str.maketrans("1234567890", "LMNOPQRSTU"))
"""An id of Labelbox's length; in the tables below, nothing else has capital letters."""


def projects(project_id: str) -> Table:
    status = ProjectStatus(
        project_id=project_id, published=1_000_000, pending=1_000, imported=990_000, superseded=1_000, skipped=0,
        dead=8_000, discarded=0, waiting=1_000, chunks={"running": 2}, oldest_waiting_seconds=12.0, dead_reasons={},
        paused=None, paused_until=None,
    )  # fmt: skip
    return project_table([status])


def dead_letters(dead_letter_id: str = "42", project_id: str = "p", data_row: str = "k:a") -> Table:
    dead_letter = DeadLetter(
        id=dead_letter_id, project_id=project_id, message_id="m", data_row=data_row, model="yolo",
        reason="unknown-feature", group="g",
        details={"path": "annotations[0].name", "found": "'car_'", "hint": "did you mean car?"},
        stage="group", chunk_id="", import_name="", attempts=2, first_at=UnixTime(1.0), last_at=UnixTime(2.0),
        superseded=False, weight=1,
        lane=0, header=b"{}", message=b"{}",
    )  # fmt: skip
    return _dead_letters([dead_letter])


def imports(
    chunk_id: str = "c", project_id: str = "p", name: str = "n", cut_at: UnixTime | None = None, now: float = 3.0
) -> Table:
    outcomes = {"imported": 4_999, "unknown-feature": 1}
    status = ImportStatus(
        project_id, chunk_id, name, "i", "settled", "finished", 5_000, outcomes, 9, 0, 1, cut_at, None, None
    )
    return import_table([status], now)


def test_a_narrow_table_of_projects_leaves_out_what_is_empty_and_no_wide_one_does() -> None:
    idle = ProjectStatus(
        project_id="p", published=1, pending=0, imported=1, superseded=0, skipped=0, dead=0, discarded=0, waiting=0,
        chunks={}, oldest_waiting_seconds=None, dead_reasons={}, paused=None, paused_until=None,
    )  # fmt: skip
    always = ["project", "published", "pending", "imported", "dead"]
    assert [column.header for column in project_table([idle], narrow=True).columns] == always
    shown = {column.header for column in project_table([idle, replace(idle, skipped=1)], narrow=True).columns}
    assert shown == {*always, "skipped"}
    assert len(project_table([idle], narrow=False).columns) == 11


TABLES: dict[str, Callable[[], Table]] = {
    "project list: project": lambda: projects(ID),
    "dead list: id": lambda: dead_letters(dead_letter_id=ID),
    "dead list: project": lambda: dead_letters(project_id=ID),
    "dead list: data row": lambda: dead_letters(data_row=ID),
    "import list: chunk": lambda: imports(chunk_id=ID),
    "import list: project": lambda: imports(project_id=ID),
}


def printed(table: Table, width: int) -> str:
    output = StringIO()
    Screen(width=width, file=output, markup=False, emoji=False).print(table)
    return output.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_id_is_printed_whole_and_in_one_piece(table: Callable[[], Table], width: int) -> None:
    output = printed(table(), width)
    assert max(map(len, output.splitlines())) <= width
    assert "…" not in output
    assert [word for word in output.split() if ID in word]


def test_every_count_stays_on_a_terminal_that_is_too_narrow_for_the_table() -> None:
    assert printed(projects(ID), 60).splitlines() == [
        ID,
        "  published: 1,000,000  pending: 1,000  imported: 990,000",
        "  superseded: 1,000  skipped: 0  dead: 8,000  discarded: 0",
        "  oldest waits: 12 s  chunks: 2 running",
    ]


def test_a_number_stays_beside_its_unit() -> None:
    for width in range(40, 130):
        assert "2,000.5 s" in printed(imports(cut_at=UnixTime(1.0), now=2_001.5), width)


def test_a_text_gives_way_to_an_id_beside_it() -> None:
    output = printed(dead_letters(dead_letter_id=ID, project_id=ID), 80)
    assert output.split()[:4] == ["id", "project", "data", "row,"]
    assert output.count(ID) == 2


def test_a_name_that_the_id_beside_it_stands_for_is_left_out_before_the_table_is_given_up() -> None:
    assert printed(imports(chunk_id=ID, name="prelabel-" + ID), 120).splitlines()[0].split()[-1] == "took"
    assert "import: prelabel-" + ID in printed(imports(chunk_id=ID, name="prelabel-" + ID), 80)
    assert "prelabel-" + ID in printed(imports(chunk_id=ID, name="prelabel-" + ID), 200).splitlines()[1]
