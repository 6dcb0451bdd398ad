"""Rows that were imported before: remembered for a policy, or to be counted, for a while, in few bytes."""

from collections.abc import Callable

import pytest

from prelabel_worker.chunks.imported_rows import Memory
from prelabel_worker.chunks.rows import Slice
from prelabel_worker.errors import LeaseLost
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


def import_sampled(project: Project, memory: Memory, *names: str) -> None:
    """Commit one row, and remember rows of these names in this memory."""
    project.publish(message("any"))
    chunk = project.take(project.cut())
    project.ledger.commit_rows(chunk, 0, Slice(chunk.rows, 1, marks=digests(*names), memory=memory), finish=True)


def sets(project: Project, memory: str = "imported") -> list[bytes]:
    """Return the keys of the sets of a memory."""
    return list(project.client.scan_iter(f"{project.root}:{memory}:*:*", count=5000))


def overridden(project: Project) -> int:
    return project.status().overridden


def test_a_row_that_was_imported_is_known_and_no_other(project: Project) -> None:
    import_marked(project, "a", "b")

    assert project.memory.was_imported("p", digests("a", "b", "c")) == set(digests("a", "b"))
    project.audit()


def test_an_imported_row_is_forgotten_after_twice_the_time(project: Project) -> None:
    import_marked(project, "a")

    keys = list(project.client.scan_iter(f"{project.root}:imported:*"))

    assert len(keys) == 2  # a set, and which sets there are
    for key in keys:
        assert 13.9 < project.client.pttl(key) / 86_400_000 <= 14


def test_each_set_expires_even_if_the_memory_had_others_before(project: Project) -> None:
    import_marked(project, "a")
    import_marked(project, *(f"k{n}" for n in range(50)))

    assert all(project.client.pttl(key) > 0 for key in sets(project))


def test_a_row_of_the_previous_generation_counts_as_overridden_once(project: Project) -> None:
    import_marked(project, "a")
    (key,) = sets(project)
    _, generation, number = key.decode().removeprefix(f"{project.root}:").split(":")
    older = f"{project.root}:imported:{int(generation) - 1}"
    project.client.rename(key, f"{older}:{number}")
    project.client.rename(f"{project.root}:imported:{generation}", older)
    assert project.memory.was_imported("p", digests("a")) == set(digests("a"))

    import_marked(project, "a", "b")
    assert overridden(project) == 1

    import_marked(project, "a")  # now both generations have it
    assert overridden(project) == 2


def test_a_commit_that_is_repeated_after_a_lost_answer_counts_no_row_twice(project: Project) -> None:
    project.publish(message("a"), message("b"))
    chunk = project.take(project.cut())
    part = Slice(1, 1, marks=digests("a"))
    project.ledger.commit_rows(chunk, 0, part, finish=False)

    with pytest.raises(LeaseLost):
        project.ledger.commit_rows(chunk, 0, part, finish=False)

    assert overridden(project) == 0


def test_in_a_sample_each_row_that_comes_back_counts_for_all_that_are_not_in_it(project: Project) -> None:
    for _ in range(2):
        project.publish(message("a"))
        chunk = project.take(project.cut())
        marks = digests("a", "b", "c")
        project.ledger.commit_rows(
            chunk, 0, Slice(chunk.rows, 1, marks=marks, memory=Memory("sample", 16)), finish=True
        )

    assert overridden(project) == 3 * 16
    assert not sets(project)
    assert sum(project.client.scard(key) for key in sets(project, "sample")) == 3


@pytest.mark.parametrize("in_previous_generation", [False, True])
def test_a_row_of_a_project_s_first_set_counts_once_when_it_comes_back_to_a_larger_project(
    project: Project, *, in_previous_generation: bool
) -> None:
    import_sampled(project, Memory("sample", first=True), "a", "b")
    if in_previous_generation:
        for key in (*sets(project, "sample"), *project.client.scan_iter(f"{project.root}:sample:[0-9]*")):
            parts = key.decode().split(":")
            place = parts.index("sample") + 1
            parts[place] = str(int(parts[place]) - 1)
            if project.client.exists(key):
                project.client.rename(key, ":".join(parts))

    import_sampled(project, Memory("sample"), "a", "c")
    assert overridden(project) == 1

    import_sampled(project, Memory("sample"), "a", "b", "c")  # `a` is in both sets now
    assert overridden(project) == 4


def test_rows_that_cannot_override_count_as_added_again_each_for_itself(project: Project) -> None:
    for _ in range(2):
        project.publish(message("a"))
        chunk = project.take(project.cut())
        part = Slice(chunk.rows, 1, adding=digests("a", "b"), memory=Memory("sample", 16))
        project.ledger.commit_rows(chunk, 0, part, finish=True)

    assert (project.status().added_again, overridden(project)) == (2, 0)


def test_the_memory_takes_few_bytes_a_row(project: Project) -> None:
    names = [f"k{n}" for n in range(4_000)]
    import_marked(project, *names)

    keys = sets(project)

    assert all(project.client.object("encoding", key) == b"intset" for key in keys)
    assert sum(project.client.scard(key) for key in keys) == len(names)


def test_remembered_rows_are_spread_over_all_sets_so_that_none_outgrows_what_is_packed(project: Project) -> None:
    project.publish(message("a"))
    chunk = project.take(project.cut())
    marks = [row_digest(row_key(f"k:{n}", "m")) for n in range(60_000)]

    project.ledger.commit_rows(chunk, 0, Slice(chunk.rows, 1, marks=marks), finish=True)

    sizes = [project.client.scard(key) for key in sets(project)]
    assert sum(sizes) == 60_000
    assert len(sizes) > 15_500
    assert max(sizes) < 20


def test_without_history_nothing_is_remembered(make_project: Callable[..., Project]) -> None:
    project = make_project(history_days=0)
    import_marked(project, "a")

    assert project.memory.was_imported("p", digests("a")) == set()
    assert not list(project.client.scan_iter(f"{project.root}:imported:*"))
