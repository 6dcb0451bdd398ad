"""Pages of objects that were created through the API: data rows of batches, uploaded assets, imports."""

import re

from tests.support.sandbox.account import BATCH, boats, entry, made
from tests.support.sandbox.cars import car
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.pages import counts_of, entries, only_row, page_of, row_page, rows_of
from tests.support.sandbox.process import SandboxProcess, data_of
from tests.support.sandbox.queries import DELETE
from tests.support.sandbox.statuses import statuses
from tests.support.sandbox.uploads import uploaded


def batch(sandbox: SandboxProcess, *ids: str) -> str:
    """Create a project with these data rows, and return its id."""
    project = boats(sandbox)
    data_of(sandbox.ask(BATCH, p=project, b={"name": "b", "dataRowIds": list(ids)}))
    return project


def test_data_rows_of_a_batch_are_listed_also_without_a_key(tasks: SandboxProcess, project: str) -> None:
    nodes, _ = made(tasks, entry(f"{project}-key"), entry())
    target = batch(tasks, *(node["id"] for node in nodes))
    (bare,) = [node["id"] for node in nodes if node["globalKey"] is None]
    tasks.statuses(target, "a", [car(1, f"{project}-key"), car(2, dataRow={"id": bare})])
    assert counts_of(tasks, target) == {f"{project}-key": 1, bare: 1}
    page = row_page(tasks, target, bare)
    assert (page.one("h1").text, len(entries(page))) == (bare, 1)
    assert page.one("img").attributes["src"] == "https://a/b.jpg"


def test_an_uploaded_text_is_read_and_highlighted(tasks: SandboxProcess, project: str) -> None:
    address = uploaded(tasks, b"The Annegret left.", "report.txt")
    rows = [{"globalKey": "t", "rowData": address}]
    tasks.project(project, HARBOUR, rows, mediaType="TEXT")
    tasks.statuses(project, "a", [example("ENT-1", dataRow={"globalKey": "t"}, location={"start": 4, "end": 11})])
    assert [each.text for each in only_row(tasks, project).all("mark")] == ["Annegret"]


def test_an_uploaded_image_is_loaded_from_the_sandbox_itself(tasks: SandboxProcess, project: str) -> None:
    address = uploaded(tasks, b"\x89PNG", "a.png")
    ((node,), _) = made(tasks, entry(f"{project}-key", row_data=address))
    page = only_row(tasks, batch(tasks, node["id"]))
    assert re.fullmatch(r"/uploads/[\w-]+", page.one("img").attributes["src"])


def test_ground_truth_has_no_page(sandbox: SandboxProcess, project: str) -> None:
    statuses(sandbox, project, "truth", [car(1)])
    assert list(rows_of(sandbox, project)) == []
    assert page_of(sandbox, f"/projects/{project}/imports").all("table") == []


def test_what_a_deleted_import_brought_is_gone(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "a", [car(1, "k"), car(2, "k")])
    sandbox.statuses(project, "b", [car(3, "k")])
    assert counts_of(sandbox, project) == {"k": 3}
    found = sandbox.find(project, "a")["id"]
    data_of(sandbox.ask(DELETE, id=found))
    assert counts_of(sandbox, project) == {"k": 1}
    page_of(sandbox, f"/imports/{found}", 404)


def test_a_deleted_project_has_no_page(tasks: SandboxProcess) -> None:
    target = boats(tasks)
    page_of(tasks, f"/projects/{target}")
    data_of(tasks.ask("mutation D($p: ID!) { updateProject(where: {id: $p}, data: {deleted: true}) { id } }", p=target))
    page_of(tasks, f"/projects/{target}", 404)
    assert target not in page_of(tasks, "/").text
