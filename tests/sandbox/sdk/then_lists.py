"""Calls that scripts make around the six steps: lists, members, an overview, data rows."""

from datetime import UTC, datetime

from tests.sandbox.sdk.session import Session, operation, raises


@operation("then: get_projects, of all and by name and time")
def get_projects(session: Session) -> None:
    client, project = session.client, session.lb.Project
    assert session.project.uid in [each.uid for each in client.get_projects()]
    (found,) = client.get_projects(where=project.name == "Port")
    assert (found.uid, found.media_type) == (session.project.uid, session.lb.MediaType.Image)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert client.get_projects(where=(project.name == "Port") & (project.created_at > long_ago)).get_one()
    assert client.get_projects(where=(project.name == "Port") & (project.created_at < long_ago)).get_one() is None
    assert client.get_projects(where=project.name == "other").get_one() is None, "it is deleted"


@operation("then: get_projects of more than a page")
def many_projects(session: Session) -> None:
    before = len(list(session.client.get_projects()))
    for number in range(101):
        body = {"id": f"many-{number}", "name": f"many {number}", "ontology": {}}
        session.control("POST", "projects", body)
    assert len({each.uid for each in session.client.get_projects()}) == before + 101


@operation("then: get_datasets by name, get_dataset")
def get_datasets(session: Session) -> None:
    client, dataset = session.client, session.lb.Dataset
    (found,) = client.get_datasets(where=dataset.name == "harbour")
    assert found.uid == session.dataset.uid
    assert client.get_dataset(found.uid).description == "boats"
    assert "renamed" not in [each.name for each in client.get_datasets()], "it is deleted"
    with raises(session.errors.ResourceNotFoundError):
        client.get_dataset("cunknown")


@operation("then: get_users, get_roles, members, created_by, organization")
def members(session: Session) -> None:
    user = session.client.get_user()
    assert [each.uid for each in session.client.get_users()] == [user.uid]
    assert [each.uid for each in session.client.get_organization().users()] == [user.uid]
    assert session.client.get_users(where=session.lb.User.email == "nobody@example.com").get_one() is None
    (member,) = session.project.members()
    assert (member.user().uid, member.access_from) == (user.uid, "ORGANIZATION")
    assert member.role().name.upper() in session.client.get_roles()
    assert session.project.created_by().uid == user.uid
    assert session.dataset.organization().uid == session.client.get_organization().uid


@operation("then: get_overview, with and without details; task_queues")
def overview(session: Session) -> None:
    rows = session.client.get_project(session.project.uid).data_row_count
    found = session.project.get_overview()
    assert (found.total_data_rows, found.labeled, found.done, found.to_label) == (rows, 1, 1, rows - 1)
    assert (found.in_review, found.in_rework, found.skipped, found.issues) == (0, 0, 0, 0)
    details = session.project.get_overview(details=True)
    assert details.in_review["total"] == 0
    assert [len(details.in_review["data"]), len(details.in_rework["data"])] == [1, 1]
    assert len(session.project.task_queues()) == 3


@operation("then: get_overview of batches", since=7)
def overview_of_batches(session: Session) -> None:
    batch = next(each for each in session.project.batches() if each.name == "keys")
    found = session.project.get_overview(batch_ids=[batch.uid], details=True)
    assert (found.total_data_rows, found.labeled, found.issues) == (batch.size, 1, None)
    assert session.project.get_overview(batch_ids=["unknown"]).total_data_rows == 0


@operation("then: dataset.data_rows, newest first, over pages and by external id; get_data_row, by global key too")
def data_rows(session: Session) -> None:
    rows = list(session.dataset.data_rows())
    assert len(rows) == session.client.get_dataset(session.dataset.uid).row_count > 5200
    assert rows[0].created_at >= rows[-1].created_at
    assert len({each.uid for each in rows}) == len(rows)
    (found,) = session.dataset.data_rows(where=session.lb.DataRow.external_id == "renamed")
    assert found.global_key == "quay-2"
    assert session.client.get_data_row(found.uid).row_data == found.row_data
    assert session.client.get_data_row_by_global_key("quay-2").uid == found.uid
    assert found.dataset().uid == session.dataset.uid
    with raises(session.errors.ResourceNotFoundError):
        session.client.get_data_row("cunknown")


@operation("then: create_data_row")
def create_data_row(session: Session) -> None:
    row = session.dataset.create_data_row(row_data="https://cdn.example/one.jpg", global_key="one")
    assert (row.global_key, row.row_data) == ("one", "https://cdn.example/one.jpg")
