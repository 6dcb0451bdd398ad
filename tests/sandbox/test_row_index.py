"""The index of the pre-labels of data rows: built once, when a page needs it, and compared with current pre-labels."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.imports import Import
from prelabel_sandbox.store.projects import DataRow, Project
from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import ndjson

FOREVER = float("inf")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    opened.projects.put("p", "P", "IMAGE", normalized(CARS, "p"), None)
    yield opened
    opened.close()


@pytest.fixture
def project(store: Store) -> Project:
    found = store.projects.get("p")
    assert found is not None
    return found


def taken(store: Store, lines: list[dict[str, object]], *, ended: bool = True) -> Import:
    """Make an import whose lines were all accepted."""
    content = ndjson(lines)
    item = store.imports.accept("p", "n", content, refuse_same_name=False)
    assert item is not None
    places, start = [], 0
    for line, raw in zip(lines, content.splitlines(keepends=True), strict=True):
        places.append((UUID(str(line["uuid"])).bytes, start, len(raw) - 1))
        start += len(raw)
    store.pre_labels.put(item, places, 1.0)
    if ended:
        store.imports.end(item, "FINISHED")
    return item


def row(key: str) -> DataRow:
    return DataRow("c-unused", key)


def test_imports_are_read_once_whoever_looks_and_how_often(store: Store, project: Project) -> None:
    taken(store, [car(number, f"k{number % 3}") for number in range(90)])
    for _ in range(3):
        assert store.row_index.catch_up(project, FOREVER) == 0
    assert store.row_index.lines_read == 90
    taken(store, [car(100 + number, "k0") for number in range(10)])
    store.row_index.catch_up(project, FOREVER)
    assert store.row_index.lines_read == 100
    assert store.browsing.row_count("p", row("k0")) == 40


def test_what_was_read_is_known_to_the_next_process(store: Store, project: Project, tmp_path: Path) -> None:
    taken(store, [car(1, "k")])
    store.row_index.catch_up(project, FOREVER)
    again = Store(tmp_path)
    assert again.row_index.catch_up(project, FOREVER) == 0
    assert (again.row_index.lines_read, again.browsing.row_count("p", row("k"))) == (0, 1)
    again.close()


def test_a_page_of_a_crowded_row_reads_its_own_lines_only(store: Store, project: Project) -> None:
    taken(store, [car(number, "k") for number in range(2000)])
    store.row_index.catch_up(project, FOREVER)
    found = list(store.browsing.pre_labels("p", row("k"), 50, 1990))
    assert [UUID(bytes=uuid) for uuid, _ in found] == [UUID(car(n)["uuid"]) for n in range(1990, 2000)]


def test_catch_up_without_time_reads_nothing_and_returns_the_unread_imports(store: Store, project: Project) -> None:
    taken(store, [car(1, "k")])
    taken(store, [car(2, "k")])
    assert store.row_index.catch_up(project, 0) == 2
    assert store.row_index.lines_read == 0


def test_a_large_import_is_read_in_slices_and_gone_on_with(
    store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelabel_sandbox.store.row_index._SLICE", 1000)
    taken(store, [car(number, f"k{number % 3}") for number in range(90)])
    left = [store.row_index.catch_up(project, 1e-6) for _ in range(3)]
    assert left == [1, 1, 1]
    assert store.row_index.lines_read < 90
    assert store.row_index.catch_up(project, FOREVER) == 0
    assert store.row_index.lines_read == 90
    assert [store.browsing.row_count("p", row(f"k{each}")) for each in range(3)] == [30, 30, 30]


def test_a_running_import_is_read_when_it_has_ended(store: Store, project: Project) -> None:
    item = taken(store, [car(1, "k")], ended=False)
    assert store.row_index.catch_up(project, FOREVER) == 0
    assert store.browsing.row_count("p", row("k")) == 0
    store.imports.end(item, "FINISHED")
    store.row_index.catch_up(project, FOREVER)
    assert store.browsing.row_count("p", row("k")) == 1


def test_many_may_read_at_once_and_each_line_is_read_once(store: Store, project: Project) -> None:
    for first in range(0, 400, 100):
        taken(store, [car(first + number, f"k{number % 7}") for number in range(100)])
    threads = [threading.Thread(target=store.row_index.follow, args=(project,)) for _ in range(3)]
    threads += [threading.Thread(target=store.row_index.catch_up, args=(project, FOREVER)) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert store.row_index.lines_read == 400
    assert sum(store.browsing.row_count("p", row(f"k{each}")) for each in range(7)) == 400


def test_a_closed_index_reads_no_more(store: Store, project: Project) -> None:
    taken(store, [car(1, "k")])
    store.row_index.close()
    store.row_index.follow(project)
    assert store.row_index.lines_read == 0
