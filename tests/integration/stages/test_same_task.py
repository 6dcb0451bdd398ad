"""Stages that run in the task of the stage before them, since a hint would cost more than the work on a small chunk."""

from collections.abc import Callable, Sequence

import pytest

from prelabel_worker.chunks.chunk import Verdict
from prelabel_worker.chunks.ledger import Ended
from prelabel_worker.chunks.project_memory import BeforeSettle
from prelabel_worker.labelbox.types import ImportName
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


def running_imports(make_rig: MakeRig, wait_for: Callable[..., None], number: int) -> tuple[Rig, list[str]]:
    """Return a rig, and its chunks of a row each, whose imports have ended at Labelbox but not here."""
    rig = make_rig(chunk_rows=1)
    rig.warm()
    rig.publish(*(f"k{at}" for at in range(number)))
    rig.run(lambda: states(rig) == ["running"] * number, "the imports to run")
    wait_for(lambda: len(rig.pre_labels()) == number + 1, "the imports to end at Labelbox")
    rig.pass_time()
    return rig, rig.chunks()


def test_the_task_that_polls_settles_several_small_imports(make_rig: MakeRig, wait_for: Callable[..., None]) -> None:
    rig, chunks = running_imports(make_rig, wait_for, 3)

    poll(rig.context, [(rig.project.id, chunk_id) for chunk_id in chunks])

    assert rig.chunks() == []
    assert rig.settle().imported == 4


def test_an_import_that_cannot_be_settled_stops_none_that_is_settled_with_it(
    make_rig: MakeRig, wait_for: Callable[..., None]
) -> None:
    rig, chunks = running_imports(make_rig, wait_for, 3)
    rig.client.set(f"{rig.project.root}:chunk:{chunks[1]}:sent", b"not what a worker writes")

    poll(rig.context, [(rig.project.id, chunk_id) for chunk_id in chunks])

    assert rig.chunks() == [chunks[1]]
    assert "settle: " in rig.fields()["defect"]
    assert rig.project.status().imported == 3


def test_a_chunk_that_is_lost_before_its_commit_stops_none_that_is_settled_with_it(
    make_rig: MakeRig, wait_for: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, chunks = running_imports(make_rig, wait_for, 3)
    read = rig.context.memory.all_before_settle

    def others_take_one(project_ids: Sequence[str]) -> list[Callable[[], BeforeSettle]]:
        rig.client.hset(f"{rig.project.root}:chunk:{chunks[1]}", "token", "another")
        return read(project_ids)

    monkeypatch.setattr(rig.context.memory, "all_before_settle", others_take_one)
    poll(rig.context, [(rig.project.id, chunk_id) for chunk_id in chunks])

    assert rig.chunks() == [chunks[1]]
    assert rig.project.status().imported == 3


def test_an_import_whose_settler_dies_is_settled_once_its_lease_ends(
    make_rig: MakeRig, wait_for: Callable[..., None]
) -> None:
    rig, (chunk_id,) = running_imports(make_rig, wait_for, 1)
    chunk = rig.project.take(chunk_id, "follow")
    (name,) = [ImportName(rig.project.id, chunk.name, chunk.submit_as)]
    (job,) = rig.context.account("").labelbox.find_imports([name])
    assert job is not None

    (check,) = rig.project.ledger.ended([Ended(chunk, Verdict.FINISHED, job.status_url, job.error_url, kept=True)])
    check()

    assert rig.project.ledger.take(rig.project.id, chunk_id, "follow") is None
    assert rig.client.zscore(f"{rig.project.root}:timers", f"chunk:{chunk_id}") == float(rig.fields()["lease"])
    rig.change(lease=0)
    assert rig.settle().imported == 2


def test_a_large_import_is_left_to_an_idle_process(rig: Rig, wait_for: Callable[..., None]) -> None:
    rows = 2001
    rig.publish(*(f"k{at}" for at in range(rows)))
    rig.run(rig.runs, "the import to run")

    wait_for(lambda: ended(rig), "the import to end")

    assert rig.project.status().pending == rows
    assert rig.settle().imported == rows
