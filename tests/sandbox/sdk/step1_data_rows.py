"""Step 1: datasets and data rows."""

from tests.sandbox.sdk.session import Session, operation, raises


@operation("1. create_dataset, with the default integration looked for")
def create_dataset(session: Session) -> None:
    session.dataset = session.client.create_dataset(name="harbour", description="boats")
    assert (session.dataset.name, session.dataset.description, session.dataset.row_count) == ("harbour", "boats", 0)
    assert session.dataset.created_at.year > 2000


@operation("1. create_dataset without integration; update and delete of a dataset")
def delete_dataset(session: Session) -> None:
    other = session.client.create_dataset(name="other", iam_integration=None)
    other.update(name="renamed")
    assert other.name == "renamed"
    other.delete()
    task = other.create_data_rows([{"row_data": "https://cdn.example/a.jpg"}])
    task.wait_till_done()
    assert "dataset" in task.failed_data_rows[0]["message"]


@operation("1. get_user, get_organization")
def account(session: Session) -> None:
    assert session.client.get_user().email
    assert session.client.get_organization().name


@operation("1. create_data_rows by address, text and local file; wait_till_done")
def create_data_rows(session: Session) -> None:
    rows = [
        {"row_data": f"https://cdn.example/{key}.jpg", "global_key": key, "media_type": "IMAGE", "external_id": key}
        for key in ("quay-1", "quay-2", "quay-3")
    ]
    rows += [{"row_data": str(session.photo), "global_key": "local"}, {"row_data": "no key"}]
    task = session.dataset.create_data_rows(rows)
    task.wait_till_done()
    assert task.status == "COMPLETE"
    assert task.errors is None
    session.rows = {each["global_key"]: each for each in task.result}
    assert set(session.rows) == {"quay-1", "quay-2", "quay-3", "local", None}
    assert session.rows["quay-1"]["row_data"] == "https://cdn.example/quay-1.jpg"


@operation("1. a local file is read back from its address")
def read_back(session: Session) -> None:
    url = session.rows["local"]["row_data"]
    assert session.requests.get(url).content == session.photo.read_bytes()
    assert session.requests.head(url).status_code == 200


@operation("1. a duplicate global key becomes a failed row, the others are made")
def duplicate_key(session: Session) -> None:
    rows = [{"row_data": "https://cdn.example/x.jpg", "global_key": key} for key in ("quay-1", "quay-4")]
    task = session.dataset.create_data_rows(rows)
    task.wait_till_done()
    assert [each["global_key"] for each in task.created_data_rows] == ["quay-4"]
    (failed,) = task.failed_data_rows
    assert "quay-1" in failed["message"]
    assert failed["failedDataRows"][0]["globalKey"] == "quay-1"


@operation("1. upsert_data_rows by global key and by id; an unknown id becomes a failed row")
def upsert_data_rows(session: Session) -> None:
    key, unique = session.identifiable.GlobalKey, session.identifiable.UniqueId
    rows = [
        {"key": key("quay-2"), "external_id": "renamed"},
        {"key": key("quay-5"), "row_data": "https://cdn.example/quay-5.jpg"},
        {"key": unique(session.rows["quay-3"]["id"]), "row_data": "https://cdn.example/again.jpg"},
        {"key": unique("cunknown"), "row_data": "https://cdn.example/nothing.jpg"},
    ]
    task = session.dataset.upsert_data_rows(rows)
    task.wait_till_done()
    changed = {each["global_key"]: each for each in task.result}
    assert changed["quay-2"]["external_id"] == "renamed"
    assert changed["quay-2"]["row_data"] == session.rows["quay-2"]["row_data"]
    assert changed["quay-3"]["id"] == session.rows["quay-3"]["id"]
    assert set(changed) == {"quay-2", "quay-3", "quay-5"}
    assert len(task.errors) == 1


@operation("1. get_task_by_id")
def task_by_id(session: Session) -> None:
    task = session.dataset.create_data_rows([{"row_data": "https://cdn.example/a.jpg"}])
    assert session.client.get_task_by_id(task.uid).uid == task.uid
    with raises(session.errors.ResourceNotFoundError):
        session.client.get_task_by_id("cunknown")


@operation("1. results of more than a page")
def pages_of_results(session: Session) -> None:
    session.keys = [f"many-{number:04}" for number in range(5200)]
    rows = [{"row_data": f"https://cdn.example/{key}.jpg", "global_key": key} for key in session.keys]
    task = session.dataset.create_data_rows(rows)
    task.wait_till_done()
    assert sorted(each["global_key"] for each in task.result) == session.keys


@operation("1. get_data_row_ids_for_global_keys: order kept, missing ones named")
def look_up(session: Session) -> None:
    found = session.client.get_data_row_ids_for_global_keys(["quay-3", "nowhere", "quay-1"])
    assert found["status"] == "PARTIAL SUCCESS"
    assert found["results"] == [session.rows["quay-3"]["id"], "", session.rows["quay-1"]["id"]]
    assert [each["global_key"] for each in found["errors"]] == ["nowhere"]
