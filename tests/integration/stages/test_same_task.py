"""Stages that run in the task of the stage before them, since a hint would cost more than the work on a small chunk."""

from collections.abc import Callable

from prelabel_worker.stages.group import group
from prelabel_worker.stages.poll import poll
from tests.support.rig import MakeRig, Rig


def states(rig: Rig) -> list[str]:
    """Return the states of the project's chunks, sorted."""
    keys = [f"{rig.project.root}:chunk:{name}" for name in rig.chunks()]
    return sorted(rig.client.hget(key, "state").decode() for key in keys)


def ended(rig: Rig) -> bool:
    """Poll the only chunk once, and return whether its import has ended."""
    rig.pass_time()
    poll(rig.context, [(rig.project.id, rig.chunks()[0])])
    return not rig.chunks() or bool(rig.fields().get("verdict"))


def test_the_task_that_cuts_chunks_submits_the_last_one(make_rig: MakeRig) -> None:
    rig = make_rig(chunk_rows=1)
    rig.warm()
    rig.publish(*(f"k{at}" for at in range(3)))

    assert group(rig.context, rig.project.id) == 3

    assert states(rig) == ["open", "open", "running"]
    assert rig.settle().imported == 4


def test_a_task_that_cuts_no_chunk_submits_none(rig: Rig) -> None:
    assert group(rig.context, rig.project.id) == 0
    assert rig.creates() == 0


def test_the_task_that_polls_settles_a_small_import(rig: Rig, wait_for: Callable[..., None]) -> None:
    rig.publish("a")
    rig.run(rig.runs, "the import to run")

    wait_for(lambda: ended(rig), "the import to end")

    assert rig.project.status().imported == 1


def test_a_large_import_is_left_to_an_idle_process(rig: Rig, wait_for: Callable[..., None]) -> None:
    rows = 2001
    rig.publish(*(f"k{at}" for at in range(rows)))
    rig.run(rig.runs, "the import to run")

    wait_for(lambda: ended(rig), "the import to end")

    assert rig.project.status().pending == rows
    assert rig.settle().imported == rows
