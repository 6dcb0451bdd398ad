"""Rows that were imported before: remembered where a policy needs it, for a while, in few bytes."""

from collections.abc import Callable

from prelabel_worker.chunks.rows import Slice
from prelabel_worker.rendering.identity import row_digest, row_key
from tests.support.project import Project, message


def digests(*names: str) -> list[int]:
    return [row_digest(row_key(f"k:{name}", "m")) for name in names]


def import_marked(project: Project, *names: str) -> None:
    project.publish(*(message(name) for name in names))
    chunk = project.take(project.cut())
    rows = project.rows(chunk)
    part = Slice(chunk.rows, len(rows), superseding=[(row_key("k:x", "m"), 9)], marks=digests(*names))
    project.ledger.commit_rows(chunk, 0, part, finish=True)


def test_a_row_that_was_imported_is_known_and_no_other(project: Project) -> None:
    import_marked(project, "a", "b")

    assert project.memory.was_imported("p", digests("a", "b", "c")) == set(digests("a", "b"))
    project.audit()


def test_an_imported_row_is_forgotten_after_twice_the_time(project: Project) -> None:
    import_marked(project, "a")

    (key,) = project.client.scan_iter(f"{project.root}:imported:*")

    days = project.client.pttl(key) / 86_400_000
    assert 13.9 < days <= 14


def test_the_memory_takes_few_bytes_a_row(project: Project) -> None:
    names = [f"k{n}" for n in range(4_000)]
    import_marked(project, *names)

    keys = list(project.client.scan_iter(f"{project.root}:imported:*"))

    assert all(project.client.object("encoding", key) == b"intset" for key in keys)
    assert sum(project.client.scard(key) for key in keys) == len(names)


def test_remembered_rows_are_spread_over_all_sets_so_that_none_outgrows_what_is_packed(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    marks = [row_digest(row_key(f"k:{n}", "m")) for n in range(60_000)]

    project.ledger.commit_rows(chunk, 0, Slice(chunk.rows, 1, marks=marks), finish=True)

    sizes = [project.client.scard(key) for key in project.client.scan_iter(f"{project.root}:imported:*", count=5000)]
    assert sum(sizes) == 60_000
    assert len(sizes) > 15_500
    assert max(sizes) < 20


def test_without_history_nothing_is_remembered(make_project: Callable[..., Project]) -> None:
    project = make_project(history_days=0)
    import_marked(project, "a")

    assert project.memory.was_imported("p", digests("a")) == set()
    assert not list(project.client.scan_iter(f"{project.root}:imported:*"))
