"""Step 4: batches."""

from tests.sandbox.sdk.session import Session, operation, raises


@operation("4. create_batch by global keys; unknown ones are failed data rows")
def batch_by_keys(session: Session) -> None:
    batch = session.project.create_batch("keys", global_keys=["quay-1", "quay-2", "nowhere"], priority=1)
    assert (batch.name, batch.size, list(batch.failed_data_row_ids)) == ("keys", 2, ["nowhere"])


@operation("4. create_batch by ids, with consensus settings")
def batch_by_ids(session: Session) -> None:
    settings = {"number_of_labels": 3, "coverage_percentage": 0.1}
    ids = [session.rows[key]["id"] for key in ("quay-3", None)]
    batch = session.project.create_batch("ids", ids, consensus_settings=settings)
    assert batch.size == 2
    assert batch.consensus_settings == {"numberOfLabels": 3, "coveragePercentage": 0.1}


@operation("4. create_batch of 1,000 and more: an empty batch and a task")
def large_batch(session: Session) -> None:
    assert session.project.create_batch("large", global_keys=session.keys[:1200]).size == 1200


@operation("4. create_batches and create_batches_from_dataset")
def create_batches(session: Session) -> None:
    task = session.project.create_batches("pilot-", global_keys=session.keys[1200:1300])
    task.wait_till_done()
    assert [(each.name, each.size) for each in task.result()] == [("pilot-0000", 100)]
    rest = session.project.create_batches_from_dataset("rest-", session.dataset.uid)
    rest.wait_till_done()
    assert rest.errors() is None
    (batch,) = rest.result()
    assert batch.size == 5200 - 1300 + 4  # local, quay-4, quay-5 and one without a key; three others are in the project


@operation("4. batches of a project, page by page")
def list_batches(session: Session) -> None:
    names = [each.name for each in session.project.batches()]
    assert names == ["keys", "ids", "large", "pilot-0000", "rest-0000"]


@operation("4. a second batch of a name is a conflict; a batch whose data rows are all unknown fails")
def batch_errors(session: Session) -> None:
    with raises(session.errors.ResourceConflict):
        session.project.create_batch("keys", global_keys=["quay-1"])
    task = session.project.create_batches("none-", global_keys=["nowhere"])
    task.wait_till_done()
    assert "data rows" in str(task.errors())
