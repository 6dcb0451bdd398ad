"""Which projects lists leave out."""

from prelabel_worker.queries.status import emptied


def test_only_a_project_of_which_nothing_is_left_is_left_out() -> None:
    assert emptied(3, 3, 0, in_force=False)
    assert not emptied(0, 0, 0, in_force=False), "nothing was published: workers wait for its first rows"
    assert not emptied(3, 2, 0, in_force=False)
    assert not emptied(3, 3, 1, in_force=False)
    assert not emptied(3, 3, 0, in_force=True)
