"""Ontologies, projects and batches are created once, whatever answer is lost; a run continues after a failure."""

import json
import secrets
from pathlib import Path

import pytest
import redis

from prelabel_worker.cli.setup import batch as batch_command
from prelabel_worker.labelbox.errors import OutcomeUnknown
from prelabel_worker.setup.batches import Batches, NameTaken
from prelabel_worker.setup.data_rows import DataRows
from prelabel_worker.setup.ontologies import NoOntology, Ontologies, sent
from prelabel_worker.setup.projects import HalfDone, Projects
from prelabel_worker.setup.tasks import StillRunning
from tests.golden import HARBOUR
from tests.support.sandbox.process import SandboxProcess, data_of
from tests.support.workplace import Workplace, numbered, place, running, written

__all__ = ["place", "running"]
CARS = {"tools": [{"tool": "rectangle", "name": "car"}, {"tool": "point", "name": "lamp"}]}
PROJECT = (
    "query P($id: ID!) { project(where: {id: $id}) { allowedMediaType showingPredictionsToLabelers "
    "labelingFrontend { name } ontology { id } } }"
)


@pytest.fixture
def name() -> str:
    return f"n{secrets.token_hex(5)}"


@pytest.fixture(scope="module")
def known(running: SandboxProcess, redis_socket: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Create data rows, and return their ids by global key."""
    running.control("POST", "/settings", {"secondsPerTask": 0.0})
    url = f"unix://{redis_socket}?db=0"
    with redis.Redis.from_url(url) as client:
        place = Workplace(running, client, url, f"t{secrets.token_hex(4)}")
        file = written(tmp_path_factory.mktemp("rows") / "rows.ndjson", numbered(1200, "row-"))
        place.add(file, place.dataset())
        found = DataRows(place.calls).look_up([f"row-{at}" for at in range(1200)]).ids
        place.labelbox.close()
    return found


@pytest.fixture
def ids(known: dict[str, str]) -> list[str]:
    return list(known.values())


@pytest.fixture
def project(place: Workplace) -> str:
    return Projects(place.calls).create("p", "IMAGE")


def batches(place: Workplace, project: str) -> Batches:
    return Batches(place.calls, project, task_seconds=20)


# -- ontologies --------------------------------------------------------------------------------------------------------


def test_an_ontology_is_made_as_the_official_client_sends_it_and_read_back(place: Workplace, name: str) -> None:
    made = Ontologies(place.calls).create(name, HARBOUR, "IMAGE")
    read = Ontologies(place.calls).read(made.id)

    assert (read.name, read.media_type, read.tools) == (name, "IMAGE", len(HARBOUR["tools"]))
    assert [each["name"] for each in read.normalized["tools"]] == [each["name"] for each in HARBOUR["tools"]]
    assert all(each["featureSchemaId"] for each in read.normalized["tools"])
    assert [each.id for each in Ontologies(place.calls).list(name)] == [made.id]
    with pytest.raises(NoOntology, match="no ontology con-none"):
        Ontologies(place.calls).read("con-none")


def test_every_key_that_the_official_client_writes_is_sent() -> None:
    answer = {"type": "radio", "name": "q", "options": [{"value": "a"}]}
    tree = sent({"tools": [{"tool": "point", "name": "lamp"}], "classifications": [answer]})

    assert set(tree["tools"][0]) == {
        "tool", "name", "required", "color", "classifications", "schemaNodeId", "featureSchemaId", "attributes",
    }  # fmt: skip
    assert tree["classifications"][0]["instructions"] == "q"
    assert tree["classifications"][0]["options"][0]["label"] == "a"


@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 502}], ids=str)
def test_an_ontology_whose_answer_was_lost_is_found_and_not_made_twice(
    place: Workplace, name: str, fault: dict[str, object]
) -> None:
    before = Ontologies(place.calls).create(name, CARS, "IMAGE")  # another of the same name is not taken for it
    place.lose_the_answer_to_what_creates(**fault)

    made = Ontologies(place.calls).create(name, CARS, "IMAGE")

    assert {each.id for each in Ontologies(place.calls).list(name)} == {before.id, made.id}
    assert before.id != made.id


# -- projects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [True, False])
def test_a_project_has_its_editor_its_ontology_and_pre_labels_that_are_seen(place: Workplace, show: bool) -> None:
    ontology = Ontologies(place.calls).create("o", CARS, "IMAGE").id
    made = Projects(place.calls).create("p", "IMAGE")
    for _ in range(2):  # each step may be done again
        Projects(place.calls).set_up(made, ontology, show=show)

    found = data_of(place.sandbox.ask(PROJECT, id=made))["project"]
    assert (found["labelingFrontend"]["name"], found["ontology"]["id"]) == ("Editor", ontology)
    assert bool(found["showingPredictionsToLabelers"]) is show


def test_a_project_whose_answer_was_lost_is_not_made_again(place: Workplace) -> None:
    place.lose_the_answer_to_what_creates(cut=True)
    before = place.asked("createProject")

    with pytest.raises(OutcomeUnknown):
        Projects(place.calls).create("p", "IMAGE")

    assert place.asked("createProject") == before + 1


def test_a_step_that_fails_says_what_exists_and_the_command_that_continues(place: Workplace, tmp_path: Path) -> None:
    ontology = Ontologies(place.calls).create("o", CARS, "IMAGE").id
    made = Projects(place.calls).create("p", "IMAGE")
    with pytest.raises(HalfDone, match="connecting the ontology") as half:
        Projects(place.calls).set_up(made, "con-none", show=True)
    assert (half.value.project_id, half.value.done) == (made, ["connecting the editor"])

    done = place.run(
        "project", "create", "--project-id", made, "--ontology", ontology, "--media-type", "IMAGE", cwd=tmp_path
    )

    assert (done.returncode, done.stdout.strip()) == (0, made), done.stderr
    found = data_of(place.sandbox.ask(PROJECT, id=made))["project"]
    assert (found["ontology"]["id"], found["showingPredictionsToLabelers"]) == (ontology, True)


def test_a_project_of_another_media_type_than_its_ontology_is_refused_before_anything_is_made(
    place: Workplace,
) -> None:
    ontology = Ontologies(place.calls).create("o", CARS, "IMAGE").id
    before = place.asked("createProject")

    other = place.invoke("project", "create", "--name", "p", "--media-type", "video", "--ontology", ontology)
    none = place.invoke("project", "create", "--name", "p", "--ontology", "con-none")

    assert (other.exit_code, "the ontology is for IMAGE; nothing was made" in other.stderr) == (2, True)
    assert (none.exit_code, "no ontology con-none" in none.stderr) == (2, True)
    assert place.asked("createProject") == before


# -- batches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 1200], ids=["small", "large"])
def test_a_batch_is_made_once_and_found_again(
    place: Workplace, project: str, ids: list[str], name: str, count: int
) -> None:
    made = batches(place, project).create(name, ids[:count], ours=True)
    again = batches(place, project).create(name, ids[:count], ours=True)

    assert (made.size, made.failed, made.why, made.before) == (count, [], "", False)
    assert (again.id, again.size, again.before) == (made.id, count, True)


@pytest.mark.parametrize("count", [3, 1200], ids=["small", "large"])
@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 502}], ids=str)
def test_a_batch_whose_answer_was_lost_is_found_and_filled(
    place: Workplace, project: str, ids: list[str], name: str, count: int, fault: dict[str, object]
) -> None:
    place.lose_the_answer_to_what_creates(**fault)

    made = batches(place, project).create(name, ids[:count], ours=True)

    assert (made.name, made.size) == (name, count)


def test_a_batch_that_a_run_left_empty_is_filled(place: Workplace, project: str, ids: list[str], name: str) -> None:
    create = (
        "mutation E($p: ID!, $n: String!) { project(where: {id: $p}) { createEmptyBatch(input: {name: $n}) { id } } }"
    )
    left = data_of(place.sandbox.ask(create, p=project, n=name))["project"]["createEmptyBatch"]["id"]

    made = batches(place, project).create(name, ids, ours=False)

    assert (made.id, made.size, made.before) == (left, 1200, False)


def test_another_batch_of_the_name_is_left_alone(place: Workplace, project: str, ids: list[str], name: str) -> None:
    batches(place, project).create(name, ids[:3], ours=False)

    for count in (2, 5):
        with pytest.raises(NameTaken, match="3 data rows"):
            batches(place, project).create(name, ids[:count], ours=False)


def test_data_rows_that_are_not_processed_are_waited_for(place: Workplace, ids: list[str]) -> None:
    place.sandbox.control("POST", "/settings", {"secondsUntilProcessed": 3600})
    with pytest.raises(StillRunning, match="not processed"):
        DataRows(place.calls).wait_until_processed(ids, 0.5)

    place.sandbox.control("POST", "/settings", {"secondsUntilProcessed": 0})
    DataRows(place.calls).wait_until_processed(ids, 5)


def test_more_rows_than_a_batch_holds_go_into_several(
    place: Workplace, project: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_command, "MAX_ROWS", 500)

    made = batch_command._make_batches(place.calls, project, "part-", ids, 20)

    assert [(each.name, each.size) for each in made] == [("part-0000", 500), ("part-0001", 500), ("part-0002", 200)]


def test_keys_that_are_no_data_rows_are_named_and_the_others_added(
    place: Workplace, project: str, known: dict[str, str], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("\ufeffrow-0\n\nrow-1\nrow-0\r\nnowhere-1\n", "utf-8")

    done = place.invoke("batch", "create", "--project", project, "--global-keys", keys, "--json")

    assert done.exit_code == 1, done.stderr
    assert "nowhere-1: not added: no data row has this global key" in done.stderr
    assert '"size": 2' in done.stdout
    assert done.stdout.count('"reason"') == 1


def test_nothing_to_add_and_no_source_are_told_apart(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("\n")

    empty = place.invoke("batch", "create", "--project", "p", "--global-keys", tmp_path / "keys.txt")
    neither = place.invoke("batch", "create", "--project", "p")

    assert (empty.exit_code, neither.exit_code) == (3, 2)


def test_the_commands_work_without_a_redis_and_say_that_they_count_alone(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"mediaType": "IMAGE", "tools": [{"tool": "point", "name": "lamp"}]}')
    away = {"PRELABEL_REDIS_URL": "redis://localhost:1"}

    made = place.invoke("ontology", "create", tmp_path / "o.json", **away)

    assert (made.exit_code, "This command counts its requests alone" in made.stderr) == (0, True), made.stderr
    shown = place.invoke("ontology", "show", made.stdout.strip())
    assert "  point lamp" in shown.stdout


def test_a_misspelt_media_type_makes_no_ontology(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps(CARS))

    done = place.invoke("ontology", "create", tmp_path / "o.json", "--name", "o", "--media-type", "imag")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "--media-type IMAG: no media type is called that; did you mean IMAGE?" in done.stderr
