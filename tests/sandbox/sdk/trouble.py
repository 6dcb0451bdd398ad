"""The errors that a user of the SDK meets."""

import json
from typing import Any

from tests.sandbox.sdk.session import Session, box, imported, operation, raises


def failures(session: Session, lines: list[dict[str, Any]], name: str) -> list[list[str]]:
    """The names of the errors of each line, of a file that the SDK does not look into."""
    file = session.folder / f"{name}.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    job = session.mal.create_from_file(session.client, session.project.uid, name, str(file))
    job.wait_till_done(sleep_time_seconds=0)
    return [[error["name"] for error in each.get("errors", [])] for each in job.statuses]


@operation("error: a bad key")
def bad_key(session: Session) -> None:
    client = session.lb.Client(api_key="another", endpoint=session.client.endpoint)
    with raises(session.errors.AuthenticationError):
        client.get_user()


@operation("error: an unknown project")
def unknown_project(session: Session) -> None:
    with raises(TypeError):  # the SDK's own defect: it reads the answer of an import that was not made
        session.mal.create_from_objects(session.client, "cunknown", "a", [box()])
    with raises(session.errors.ResourceNotFoundError):
        session.mal.from_name(session.client, "cunknown", "a")


@operation("error: an unknown feature")
def unknown_feature(session: Session) -> None:
    assert failures(session, [box(name="tram"), box()], "feature") == [["ValidationError"], []]


@operation("error: a data row that is missing")
def missing_row(session: Session) -> None:
    lines = [box(dataRow={"globalKey": "nowhere"}), box(dataRow={"id": "cunknown"})]
    assert failures(session, lines, "missing") == [["DataRowNotFound"]] * 2


@operation("error: id and global key both")
def both(session: Session) -> None:
    line = box(dataRow={"globalKey": "quay-1", "id": session.rows["quay-1"]["id"]})
    with raises(ValueError, "Must provide only one of"):
        imported(session, [line], "both")
    assert failures(session, [line], "both") == [["ValidationError"]]


@operation("error: more than 5,000 annotations of a feature on a data row")
def over_the_limit(session: Session) -> None:
    lines = [box() for _ in range(5001)]
    with raises(ValueError, "limited to 5000"):
        imported(session, lines, "limit")
    assert [number for number, each in enumerate(failures(session, lines, "limit")) if each] == [5000]


@operation("error: the rate limit")
def rate_limit(session: Session) -> None:
    session.control("POST", "settings", {"requestsPerMinute": 1})
    try:
        with raises(session.errors.ApiLimitError, "You have exceeded"):
            session.client.get_user()
    finally:
        session.control("POST", "settings", {"requestsPerMinute": None})


@operation("error: an import that fails as a whole")
def failed_import(session: Session) -> None:
    file = session.folder / "broken.ndjson"
    file.write_text("no json\n")
    job = session.mal.create_from_file(session.client, session.project.uid, "broken", str(file))
    job.wait_till_done(sleep_time_seconds=0)
    assert job.state.value == "FAILED"
    with raises(ValueError, "Import failed"):
        assert job.errors
    assert "line 1" in session.requests.get(job.error_file_url).json()["error"]
