"""Tasks whose hints name several projects or chunks, against a real Redis and a real sandbox."""

import pytest

from prelabel_worker.runtime import hints
from prelabel_worker.runtime.app import create_app
from tests.support.rig import MakeRig


@pytest.fixture(autouse=True)
def _no_other_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave everything to the task, however slow this machine is: there is nobody that it could give the rest to."""
    monkeypatch.setattr(hints, "_TOGETHER_SECONDS", 3600)


def test_a_task_submits_the_rows_of_all_projects_that_its_hint_names(make_rig: MakeRig) -> None:
    rigs = [make_rig() for _ in range(3)]
    for rig in rigs:
        rig.publish("a", "b")
    app = create_app(rigs[0].settings)

    app.tasks["prelabel.group"](*(rig.project.id for rig in rigs))

    assert [rig.creates() for rig in rigs] == [1, 1, 1]
    assert all(rig.runs() for rig in rigs)
    app.close()


def test_a_task_submits_all_chunks_that_its_hint_names(make_rig: MakeRig) -> None:
    rig = make_rig(chunk_rows=1)
    rig.warm()
    rig.publish("a", "b", "c")
    chunks = [rig.context.ledger.cut_chunk(rig.project.id) for _ in range(3)]
    app = create_app(rig.settings)

    app.tasks["prelabel.submit"](*(name for chunk_id in chunks for name in (rig.project.id, chunk_id)))

    assert rig.creates() == 4
    assert rig.settle().imported == 4
    app.close()
