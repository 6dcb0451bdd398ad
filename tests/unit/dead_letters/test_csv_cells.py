"""Cells of exported tables: no spreadsheet runs one, and each reads back as it was."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prelabel_worker.dead_letters.csv_cells import FORMULA, SEPARATORS, neutralise, read_back

UNSEEN = ' \t\r\n\v\f"\x00\u00a0\u3000\u200b\ufeff'
PAGE = Path(__file__).parents[3] / "docs/reference/commands.md"
TEXTS = st.text() | st.text(alphabet=FORMULA + SEPARATORS + UNSEEN + "'aZ1")


@given(TEXTS)
@example("'")
@example("''=")
@example(";';'")
@example("\t\r\n=")
def test_each_cell_reads_back_as_it_was(text: str) -> None:
    assert read_back(neutralise(text)) == text


@given(TEXTS, st.sets(st.sampled_from(SEPARATORS)))
def test_no_part_of_a_cell_is_a_formula_however_it_is_split(text: str, separators: set[str]) -> None:
    cell = neutralise(text)
    assert cell[:1] not in {"\t", "\r", "\n"}
    parts = re.split("[" + "".join(separators) + "]", cell) if separators else [cell]
    assert [part for part in parts if part.strip(UNSEEN).startswith(tuple(FORMULA))] == []


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=3), min_size=1, max_size=3))
def test_a_whole_table_reads_back_as_it_was(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(map(neutralise, row) for row in rows)

    table = csv.reader(io.StringIO(file.getvalue(), newline=""))

    assert [[read_back(cell) for cell in row] for row in table] == rows


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("a;=cmd()", "a;'=cmd()"),
        ('a;  "@x', "a;'  \"@x"),
        ("＝1", "'＝1"),  # noqa: RUF001 - full width
        ("\tx", "'\tx"),
        ("'tis", "''tis"),
        ("a-b, c = d", "a-b, c = d"),
        ("annotations[3].bbox", "annotations[3].bbox"),
    ],
)
def test_an_apostrophe_stands_where_a_formula_would_begin_and_nowhere_else(text: str, cell: str) -> None:
    assert neutralise(text) == cell


def test_the_example_of_the_page_reads_an_export_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (
        code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "csv" in code
    )
    table = 'id,model\n"1","\'=x;\'\'y"\n'
    (tmp_path / "dead-letters.csv").write_text(table, "utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    exec(example, names)

    assert names["dead_letters"] == [{"id": "1", "model": "=x;'y"}]
