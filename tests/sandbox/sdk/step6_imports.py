"""Steps 5 and 6: payload and import."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

from tests.sandbox.sdk.session import Session, box, imported, operation, raises


@operation("6. MALPredictionImport.create_from_objects of dicts; wait, state, progress, inputs, statuses, errors")
def from_objects(session: Session) -> None:
    lines = [box(), box(dataRow={"id": session.rows["quay-3"]["id"]})]
    job = session.mal.create_from_objects(session.client, session.project.uid, "dicts", lines)
    assert job.state.value == "RUNNING"
    assert job.status_file_url is None
    job.wait_till_done(sleep_time_seconds=0, show_progress=False)
    assert (job.state.value, job.progress) == ("FINISHED", "100%")
    assert job.inputs == lines
    assert job.errors == []
    assert [(each["uuid"], each["status"]) for each in job.statuses] == [(line["uuid"], "SUCCESS") for line in lines]
    assert job.statuses[1]["dataRow"] == {"id": session.rows["quay-3"]["id"], "globalKey": "quay-3"}


@operation("6. create_from_objects of labelbox.types.Label, with a nested answer and a relationship")
def from_labels(session: Session) -> None:
    types = session.types
    flag = types.ClassificationAnnotation(
        name="flag", value=types.Radio(answer=types.ClassificationAnswer(name="green"))
    )
    boats = [
        types.ObjectAnnotation(
            name="boat",
            value=types.Rectangle(start=types.Point(x=x, y=1), end=types.Point(x=x + 9, y=9)),
            classifications=[flag],
        )
        for x in (1, 20)
    ]
    tow = types.RelationshipAnnotation(
        name="tows",
        value=types.Relationship(source=boats[0], target=boats[1], type=types.Relationship.Type.UNIDIRECTIONAL),
    )
    label = types.Label(data={"global_key": "quay-2"}, annotations=[*boats, tow])
    job = imported(session, [label], "labels")
    assert [each["status"] for each in job.statuses] == ["SUCCESS"] * 3, job.errors


@operation("6. create_from_file")
def from_file(session: Session) -> None:
    file = session.folder / "predictions.ndjson"
    file.write_text("".join(json.dumps(box()) + "\n" for _ in range(3)))
    job = session.mal.create_from_file(session.client, session.project.uid, 'a "file" käi', str(file))
    job.wait_till_done(sleep_time_seconds=0)
    assert len(job.statuses) == 3


@operation("6. create_from_url, of an uploaded file; an address that is not there")
def from_url(session: Session) -> None:
    lines = [box()]
    url = session.client.upload_data(json.dumps(lines[0]).encode(), filename="a.ndjson", sign=True)
    job = session.mal.create_from_url(session.client, session.project.uid, "url", url)
    assert job.input_file_url == url
    job.wait_till_done(sleep_time_seconds=0)
    assert [each["status"] for each in job.statuses] == ["SUCCESS"]
    with raises(ValueError, "not reachable"):
        session.mal.create_from_url(session.client, session.project.uid, "gone", url + "x")


@operation("6. create_from_url, of a file that plain http serves on the same machine")
def from_local_url(session: Session) -> None:
    (session.folder / "served.ndjson").write_text("".join(json.dumps(box()) + "\n" for _ in range(3)))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(session.folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/served.ndjson"
        job = session.mal.create_from_url(session.client, session.project.uid, "served", url)
        job.wait_till_done(sleep_time_seconds=0)
        server.shutdown()
    assert [each["status"] for each in job.statuses] == ["SUCCESS"] * 3


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


@operation("6. get_mal_prediction_imports", since=7)
def listing(session: Session) -> None:
    names = [each.name for each in session.project.get_mal_prediction_imports()]
    assert names == ["dicts", "labels", 'a "file" käi', "url", "served"]


@operation("6. MALPredictionImport.from_name, refresh")
def by_name(session: Session) -> None:
    job = session.mal.from_name(session.client, session.project.uid, "dicts")
    job.refresh()
    assert job.state.value == "FINISHED"
    with raises(session.errors.ResourceNotFoundError):
        session.mal.from_name(session.client, session.project.uid, "nothing")


@operation("6. the same name again is a conflict")
def same_name(session: Session) -> None:
    with raises(session.errors.ResourceConflict):
        imported(session, [box()], "dicts")


@operation("6. the same uuid again replaces the pre-label")
def same_uuid(session: Session) -> None:
    first = box()
    second = {**first, "bbox": {"top": 1, "left": 1, "height": 1, "width": 1}}
    imported(session, [first], "first")
    imported(session, [second], "second")
    assert [each for each in session.pre_labels(session.project.uid) if each["uuid"] == first["uuid"]] == [second]


@operation("6. delete an import", since=7)
def delete_import(session: Session) -> None:
    line = box()
    imported(session, [line], "deleted").delete()
    assert line not in session.pre_labels(session.project.uid)
    with raises(session.errors.ResourceNotFoundError):
        session.mal.from_name(session.client, session.project.uid, "deleted")


@operation("6. LabelImport.create_from_objects: ground truth, where relationships are refused")
def ground_truth(session: Session) -> None:
    line = box()
    link = {"source": line["uuid"], "target": str(uuid4()), "type": "unidirectional"}
    tow = {"uuid": str(uuid4()), "name": "tows", "dataRow": {"globalKey": "quay-1"}, "relationship": link}
    job = session.lb.LabelImport.create_from_objects(session.client, session.project.uid, "truth", [line, tow])
    job.wait_till_done(sleep_time_seconds=0)
    assert [each["status"] for each in job.statuses] == ["SUCCESS", "FAILURE"]
    assert job.errors[0]["errors"][0]["message"] == "Relationships are supported only for MAL imports"
    assert session.project.get_label_count() == 1
