"""Imports of ground truth: the shapes of pre-labels, beside them."""

from typing import Any

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.process import SandboxProcess, code_of, data_of, parsed
from tests.support.sandbox.statuses import FIND, statuses, submit


def labels(sandbox: SandboxProcess, project: str) -> list[dict[str, Any]]:
    return parsed(sandbox.http.get(f"{sandbox.url}/_sandbox/projects/{project}/labels").content)


def test_ground_truth_stands_apart_from_pre_labels_of_the_same_name_and_uuid(
    sandbox: SandboxProcess, project: str
) -> None:
    other = car(1, bbox={"top": 1, "left": 1, "height": 1, "width": 1})
    sandbox.statuses(project, "a", [car(1)])
    assert [each["status"] for each in statuses(sandbox, project, "a", [other, car(2)])] == ["SUCCESS"] * 2
    assert labels(sandbox, project) == [other, car(2)]
    assert sandbox.pre_labels(project) == [car(1)]
    assert code_of(submit(sandbox, project, "a", [])) == "RESOURCE_CONFLICT"


def test_each_kind_is_found_and_listed_by_itself(sandbox: SandboxProcess, project: str) -> None:
    statuses(sandbox, project, "truth", [])
    sandbox.statuses(project, "guess", [])
    assert code_of(sandbox.ask(FIND, p=project, n="guess")) == "RESOURCE_NOT_FOUND"
    listing = "query L($p: ID!) { %s(skip: 0, first: 100, where: {projectId: $p}) { name } }"
    for field, name in (("labelImports", "truth"), ("modelAssistedLabelingPredictionImports", "guess")):
        assert data_of(sandbox.ask(listing % field, p=project)) == {field: [{"name": name}]}


def test_ground_truth_cannot_be_deleted(sandbox: SandboxProcess, project: str) -> None:
    created = data_of(submit(sandbox, project, "a", [car(1)]))["createLabelImport"]
    delete = "mutation D($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
    assert code_of(sandbox.ask(delete, id=created["id"])) == "RESOURCE_NOT_FOUND"


def test_relationships_are_refused_as_ground_truth(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR)
    lines = [example("REL-1", number) for number in range(3)]
    assert [each["status"] for each in sandbox.statuses(project, "a", lines)] == ["SUCCESS"] * 3
    verdicts = statuses(sandbox, project, "a", lines)
    (refused,) = [each for each in verdicts if each["status"] == "FAILURE"]
    assert refused["errors"][0]["name"] == "InvalidAnnotation"
    assert refused["errors"][0]["message"] == "Relationships are supported only for MAL imports"


def test_ground_truth_is_judged_as_pre_labels_are(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, CARS, ["a"])
    lines = [car(1, "a"), car(2, "z"), car(3, "a", name="tram")]
    verdicts = statuses(sandbox, project, "a", lines)
    expected = sandbox.statuses(project, "a", lines)
    assert verdicts == expected
    assert [each["status"] for each in verdicts] == ["SUCCESS", "FAILURE", "FAILURE"]
