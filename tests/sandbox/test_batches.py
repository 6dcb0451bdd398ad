"""Batches put data rows of the account into projects."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox.account import BATCH, BATCHES, DATASET, ROWS, TASK, begin, boats, ended, entry, made
from tests.support.sandbox.cars import car
from tests.support.sandbox.process import SandboxProcess, code_of, data_of

Start = Callable[..., SandboxProcess]


def test_only_data_rows_of_a_batch_are_in_the_project(tasks: SandboxProcess) -> None:
    nodes, _ = made(tasks, entry("in"), entry("out"), entry())
    ids = {node["globalKey"]: node["id"] for node in nodes}
    project = boats(tasks)
    batch = {"name": "b", "dataRowIds": [ids["in"], ids[None]]}
    assert data_of(tasks.ask(BATCH, p=project, b=batch))["project"]["createBatchV2"]["batch"]["size"] == 2
    named = [{"globalKey": "in"}, {"id": ids["in"]}, {"id": ids[None]}, {"globalKey": "out"}, {"id": ids["out"]}]
    statuses = tasks.statuses(project, "a", [car(number, dataRow=each) for number, each in enumerate(named)])
    assert [each["status"] for each in statuses] == ["SUCCESS"] * 3 + ["FAILURE"] * 2
    assert [each["dataRow"] for each in statuses[:3]] == [
        {"id": ids["in"], "globalKey": "in"},
        {"id": ids["in"], "globalKey": "in"},
        {"id": ids[None], "globalKey": None},
    ]


def test_a_changed_data_row_is_changed_in_its_projects(tasks: SandboxProcess, project: str) -> None:
    first, second = f"{project}-1", f"{project}-2"
    ((row,), _) = made(tasks, entry(first))
    target = boats(tasks)
    data_of(tasks.ask(BATCH, p=target, b={"name": "b", "globalKeys": [first], "dataRowIds": []}))
    ((changed,), _) = made(tasks, entry(second, "GKEY", first, row_data="https://a/new.jpg"))
    assert changed == {**row, "globalKey": second, "rowData": "https://a/new.jpg"}
    gone, found = tasks.statuses(target, "a", [car(1, first), car(2, second)])
    assert (gone["status"], found["dataRow"]) == ("FAILURE", {"id": row["id"], "globalKey": second})


def test_data_rows_wait_until_they_are_processed(tasks: SandboxProcess, project: str) -> None:
    made(tasks, entry(project))
    target = boats(tasks)
    batch = {"name": "early", "globalKeys": [project, "nowhere"], "dataRowIds": []}
    question = (
        "query Q($k: [ID!]) { queryAllDataRowsHaveBeenProcessed(globalKeys: $k) { allDataRowsHaveBeenProcessed } }"
    )

    def processed(*keys: str) -> object:
        answer = data_of(tasks.ask(question, k=keys))["queryAllDataRowsHaveBeenProcessed"]
        return answer["allDataRowsHaveBeenProcessed"]

    tasks.control("POST", "/settings", {"secondsUntilProcessed": 60})
    assert (processed(project), processed("nowhere")) == (False, True)
    early = data_of(tasks.ask(BATCH, p=target, b=batch))["project"]["createBatchV2"]
    assert (early["batch"]["size"], early["failedDataRowIds"]) == (0, [project, "nowhere"])
    tasks.control("POST", "/settings", {"secondsUntilProcessed": 0})
    assert processed(project) is True
    late = data_of(tasks.ask(BATCH, p=target, b={**batch, "name": "late"}))["project"]["createBatchV2"]
    assert (late["batch"]["size"], late["failedDataRowIds"]) == (1, ["nowhere"])


@pytest.mark.parametrize("named", [{"dataRowIds": [], "globalKeys": None}, {"dataRowIds": ["a"], "globalKeys": ["b"]}])
def test_a_batch_names_data_rows_in_one_way(tasks: SandboxProcess, named: dict[str, Any]) -> None:
    assert code_of(tasks.ask(BATCH, p=boats(tasks), b={"name": "b", **named})) == "MALFORMED_REQUEST"


def test_a_batch_that_is_taken_leaves_nothing_of_the_others(tasks: SandboxProcess, project: str) -> None:
    made(tasks, entry(project))
    target = boats(tasks)
    data_of(tasks.ask(BATCH, p=target, b={"name": "b-0001", "globalKeys": [project]}))
    keys = [project] * 100_001
    assert code_of(tasks.ask(BATCHES, p=target, b={"batchNamePrefix": "b-", "globalKeys": keys})) == "RESOURCE_CONFLICT"
    listing = (
        "query L($p: ID!) { project(where: {id: $p}) { batches(first: 9) { nodes { name } pageInfo { endCursor } } } }"
    )
    found = data_of(tasks.ask(listing, p=target))["project"]["batches"]
    assert found == {"nodes": [{"name": "b-0001"}], "pageInfo": {"endCursor": None}}


def test_a_fault_of_creates_applies_to_batches_too(tasks: SandboxProcess) -> None:
    tasks.control("POST", "/faults", {"fault": "graphql-error", "operations": "create", "code": "X"})
    answer = tasks.ask(BATCH, p="cunknown", b={"name": "b", "globalKeys": ["a"]})
    assert code_of(answer) == "X"


def test_a_killed_sandbox_makes_each_data_row_once_and_fills_its_batch(start: Start) -> None:
    options = ("--requests-per-minute", "0", "--seconds-per-import", "0")
    first = start(*options)
    dataset = data_of(first.ask(DATASET))["createDataset"]["id"]
    first.control("POST", "/settings", {"secondsPerTask": 0})
    task = begin(first, [entry(f"k{number}", dataset_id=dataset) for number in range(20_000)])
    while data_of(first.ask(TASK, id=task))["user"]["createdTasks"][0]["completionPercentage"] < 10:
        pass
    first.stop(signal.SIGKILL)

    second = start(*options)
    assert ended(second, task)["status"] == "COMPLETE"
    found = data_of(second.ask(ROWS, id=task, first=1))
    assert found["successesfulDataRowImports"]["total"] == 20_000
    assert found["failedDataRowImports"]["total"] == 0
    project = boats(second)
    keys = [f"k{number}" for number in range(20_000)]
    (batch,) = data_of(second.ask(BATCHES, p=project, b={"batchNamePrefix": "b", "globalKeys": keys}))["project"][
        "createBatches"
    ]["tasks"]
    second.stop(signal.SIGKILL)

    third = start(*options)
    assert ended(third, batch["taskId"])["status"] == "COMPLETE"
    sizes = "query S($p: ID!) { project(where: {id: $p}) { dataRowCount batches { nodes { size } } } }"
    assert data_of(third.ask(sizes, p=project))["project"] == {
        "dataRowCount": 20_000,
        "batches": {"nodes": [{"size": 20_000}]},
    }
