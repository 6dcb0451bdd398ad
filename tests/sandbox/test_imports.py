"""Imports, from the upload to the verdicts."""

import httpx
import pytest

from tests.support.sandbox.cars import car
from tests.support.sandbox.process import SandboxProcess, code_of, data_of, ndjson, parsed
from tests.support.sandbox.queries import DELETE

CREATED = "createModelAssistedLabelingPredictionImport"


def test_a_fresh_import_is_running_and_has_only_its_input_file(sandbox: SandboxProcess, project: str) -> None:
    sandbox.control("POST", "/settings", {"secondsPerImport": 60})
    created = data_of(sandbox.upload(project, "run-12.part-003", ndjson([car()])))[CREATED]
    assert (created["name"], created["state"], created["progress"]) == ("run-12.part-003", "RUNNING", "0%")
    assert created["statusFileUrl"] is None
    assert created["errorFileUrl"] is None
    assert created["project"] == {"id": project, "name": "P", "allowedMediaType": "IMAGE"}
    assert httpx.get(created["inputFileUrl"]).content == ndjson([car()])


def test_progress_rises_until_the_import_is_finished(sandbox: SandboxProcess, project: str) -> None:
    sandbox.control("POST", "/settings", {"secondsPerImport": 0.3})
    sandbox.upload(project, "a", ndjson([car()]))
    seen = [0]
    while (found := sandbox.find(project, "a"))["state"] == "RUNNING":
        seen.append(int(found["progress"].removesuffix("%")))
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert max(seen) < 100
    assert (found["state"], found["progress"]) == ("FINISHED", "100%")


def test_every_line_gets_a_verdict_and_refused_ones_are_in_the_error_file(
    sandbox: SandboxProcess, project: str
) -> None:
    lines = [car(1, "a"), car(2, "b", name="tram"), car(3, "c")]
    statuses = sandbox.statuses(project, "a", lines)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert [each["uuid"] for each in statuses] == [line["uuid"] for line in lines]
    assert [each["dataRow"]["globalKey"] for each in statuses] == ["a", "b", "c"]
    assert "errors" not in statuses[0]
    assert statuses[1]["errors"] == [
        {"name": "ValidationError", "message": "Ontology does not contain name: tram", "additionalInfo": None}
    ]
    assert parsed(httpx.get(sandbox.find(project, "a")["errorFileUrl"]).content) == [statuses[1]]


def test_refused_lines_are_no_pre_labels_and_the_others_stay_as_they_were_received(
    sandbox: SandboxProcess, project: str
) -> None:
    good, bad = car(1, note := "käi \u2028 1"), car(2, name="tram")
    sandbox.statuses(project, "a", [good, bad])
    assert sandbox.pre_labels(project) == [good]
    assert good["dataRow"]["globalKey"] == note


def test_the_same_uuid_overrides_in_a_later_import_and_within_one(sandbox: SandboxProcess, project: str) -> None:
    first, second = car(1, "a"), car(1, "a", bbox={"top": 1, "left": 1, "height": 1, "width": 1})
    spelled_otherwise = {**second, "uuid": "{" + second["uuid"].upper().replace("-", "") + "}"}
    sandbox.statuses(project, "a", [first, car(2)])
    assert len(sandbox.statuses(project, "b", [first, spelled_otherwise])) == 2
    assert sandbox.pre_labels(project) == [car(2), spelled_otherwise]


def test_a_refused_line_leaves_the_earlier_pre_label_of_its_uuid(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "a", [car(1)])
    sandbox.statuses(project, "b", [car(1, name="tram")])
    assert sandbox.pre_labels(project) == [car(1)]


def test_a_line_without_uuid_is_given_one(sandbox: SandboxProcess, project: str) -> None:
    line = car()
    del line["uuid"]
    (status,) = sandbox.statuses(project, "a", [line])
    assert status["status"] == "SUCCESS"
    assert sandbox.pre_labels(project) == [{"uuid": status["uuid"], **line}]


def test_an_empty_upload_is_finished_with_zero_status_lines(sandbox: SandboxProcess, project: str) -> None:
    assert sandbox.statuses(project, "a", []) == []
    assert sandbox.find(project, "a")["state"] == "FINISHED"


def test_an_empty_upload_may_be_refused(sandbox: SandboxProcess, project: str) -> None:
    sandbox.control("POST", "/settings", {"refuseEmptyFile": True})
    assert code_of(sandbox.upload(project, "a", b"")) == "MALFORMED_REQUEST"
    data_of(sandbox.upload(project, "a", ndjson([car()])))  # there is none of this name


def test_refused_lines_may_be_said_in_the_other_ways_that_were_seen(sandbox: SandboxProcess, project: str) -> None:
    sandbox.control("POST", "/settings", {"failureWord": "FAILED", "additionalInfo": False})
    (status,) = sandbox.statuses(project, "a", [car(1, name="tram")])
    assert status["status"] == "FAILED"
    assert [sorted(each) for each in status["errors"]] == [["message", "name"]]


@pytest.mark.parametrize(
    "content",
    [b'{"uuid": 1}\nno json\n', b"[]\n", ndjson([car()]) + b"\n" + ndjson([car(2)]), b'{"a": NaN}\n'],
    ids=["not JSON", "not an object", "blank line", "not a number"],
)
def test_a_file_that_is_not_ndjson_fails_as_a_whole(sandbox: SandboxProcess, project: str, content: bytes) -> None:
    sandbox.upload(project, "a", ndjson([car(9)]) + content)
    failed = sandbox.ended(project, "a")
    assert (failed["state"], failed["statusFileUrl"]) == ("FAILED", None)
    assert "line" in parsed(httpx.get(failed["errorFileUrl"]).content)[0]["error"]
    assert sandbox.pre_labels(project) == []


def test_only_data_rows_of_the_project_are_found(sandbox: SandboxProcess, project: str) -> None:
    ontology = {"tools": [{"tool": "rectangle", "name": "car"}]}
    sandbox.project(project, ontology, ["a", "b"])
    (known,) = sandbox.statuses(project, "one", [car(1, "a")])
    lines = [
        car(2, dataRow={"id": known["dataRow"]["id"]}),
        car(3, "z"),
        car(4, dataRow={"id": "cz"}),
        car(5, "z", name="tram"),
    ]
    by_id, unknown, unknown_id, twice_wrong = sandbox.statuses(project, "two", lines)
    assert by_id["dataRow"] == known["dataRow"]
    assert [error["name"] for error in unknown["errors"]] == ["DataRowNotFound"]
    assert unknown["dataRow"] == {}
    assert unknown_id["errors"][0]["message"] == "dataRow.id cz invalid"
    assert [error["name"] for error in twice_wrong["errors"]] == ["DataRowNotFound", "ValidationError"]


def test_names_are_refused_twice_by_default(sandbox: SandboxProcess, project: str) -> None:
    sandbox.upload(project, "a", b"")
    assert code_of(sandbox.upload(project, "a", b"")) == "RESOURCE_CONFLICT"


@pytest.mark.parametrize(("mode", "found"), [("oldest", 0), ("newest", 1)])
def test_names_may_stand_twice_and_one_is_found(sandbox: SandboxProcess, project: str, mode: str, found: int) -> None:
    sandbox.control("POST", "/settings", {"duplicateNames": mode})
    ids = [data_of(sandbox.upload(project, "a", b""))[CREATED]["id"] for _ in range(2)]
    assert sandbox.find(project, "a")["id"] == ids[found]


def test_a_declared_length_may_be_too_large_but_not_too_small(sandbox: SandboxProcess, project: str) -> None:
    content = ndjson([car()])
    assert code_of(sandbox.upload(project, "a", content, len(content) - 1)) == "MALFORMED_REQUEST"
    data_of(sandbox.upload(project, "a", content, len(content) + 4))
    sandbox.control("POST", "/settings", {"strictContentLength": True})
    assert code_of(sandbox.upload(project, "b", content, len(content) + 4)) == "MALFORMED_REQUEST"


def test_files_are_served_without_credentials_until_they_expire(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "a", [car()])
    url = sandbox.find(project, "a")["statusFileUrl"]
    head = httpx.head(url)
    assert head.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert int(head.headers["content-length"]) == len(httpx.get(url).content)
    assert httpx.get(url.replace("/files/", "/files/x")).status_code == 404
    sandbox.control("POST", "/settings", {"fileSeconds": 0})
    assert httpx.get(url).status_code == 403


def test_a_status_file_has_no_line_separators_but_newlines(sandbox: SandboxProcess, project: str) -> None:
    (status,) = sandbox.statuses(project, "a", [car(1, "a\u2028b")])
    assert status["dataRow"]["globalKey"] == "a\u2028b"
    assert len(httpx.get(sandbox.find(project, "a")["statusFileUrl"]).text.splitlines()) == 1


def test_imports_are_listed_in_pages_and_deleted_ones_are_gone(sandbox: SandboxProcess, project: str) -> None:
    ids = [data_of(sandbox.upload(project, f"n-{n}", ndjson([car(n)])))[CREATED]["id"] for n in range(3)]
    sandbox.ended(project, "n-0")
    assert data_of(sandbox.ask(DELETE, id=ids[0])) == {"deleteModelAssistedLabelingPredictionImport": {"id": ids[0]}}
    assert code_of(sandbox.ask(DELETE, id=ids[0])) == "RESOURCE_NOT_FOUND"
    listing = (
        "query L($p: ID!, $s: Int) { modelAssistedLabelingPredictionImports"
        "(skip: $s, first: 100, where: {projectId: $p}) { id } }"
    )
    for skip, expected in ((0, ids[1:]), (1, ids[2:]), (2, [])):
        page = data_of(sandbox.ask(listing, p=project, s=skip))["modelAssistedLabelingPredictionImports"]
        assert [each["id"] for each in page] == expected


@pytest.mark.parametrize(("keep", "left"), [(False, [car(3)]), (True, [car(3), car(1), car(2)])])
def test_a_deleted_import_takes_its_pre_labels_along_unless_they_are_to_stay(
    sandbox: SandboxProcess, project: str, keep: bool, left: list[dict[str, object]]
) -> None:
    """An older version of a uuid does not come back."""
    sandbox.control("POST", "/settings", {"deleteKeepsPreLabels": keep})
    sandbox.statuses(project, "a", [car(1, bbox={"top": 1, "left": 1, "height": 1, "width": 1}), car(3)])
    sandbox.statuses(project, "b", [car(1), car(2)])
    data_of(sandbox.ask(DELETE, id=sandbox.find(project, "b")["id"]))
    assert sandbox.pre_labels(project) == left


def test_an_import_that_is_deleted_while_it_runs_brings_nothing(sandbox: SandboxProcess, project: str) -> None:
    content = ndjson(car(n, f"row-{n}") for n in range(20_000))
    running = data_of(sandbox.upload(project, "a", content))[CREATED]
    while int(sandbox.find(project, "a")["progress"].removesuffix("%")) < 60:
        pass
    assert sandbox.pre_labels(project) != []
    data_of(sandbox.ask(DELETE, id=running["id"]))
    sandbox.statuses(project, "b", [car(1)])  # imports of a project are processed one after another
    assert sandbox.pre_labels(project) == [car(1)]
