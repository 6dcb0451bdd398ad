"""An ontology that was changed at Labelbox: no row dies of the cached one, and each project is asked for it rarely."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from prelabel.errors import Reason
from prelabel.publishing.buffer import Row
from prelabel_worker.labelbox.ontology_cache import REFRESH_SECONDS, Cached, Catalog
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.operations.projects import Projects
from tests.support.command import Command, command_of
from tests.support.rig import MakeRig, Rig, car

BOX = {"name": "car", "bbox": {"top": 1, "left": 1, "height": 3, "width": 4}}
SUN = {"name": "weather", "answer": {"name": "sun"}}


def tool(kind: str, name: str = "car", **more: Any) -> dict[str, Any]:
    return {"tool": kind, "name": name, **more}


def question(*options: str, kind: str = "radio", name: str = "weather") -> dict[str, Any]:
    labels = [{"value": option, "label": option} for option in options]
    return {"type": kind, "name": name, "instructions": name, "options": labels}


def tree(*tools: dict[str, Any], questions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"tools": list(tools), "classifications": list(questions)}


class Change(NamedTuple):
    """What a row is refused for under the first ontology, and not under the second."""

    reason: Reason
    annotation: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    media_before: str = "IMAGE"
    media_after: str = "IMAGE"


CHANGES = (
    Change(Reason.UNKNOWN_FEATURE, BOX, tree(tool("rectangle", "tug")), tree(tool("rectangle"))),
    Change(Reason.UNKNOWN_OPTION, SUN, tree(questions=(question("rain"),)), tree(questions=(question("rain", "sun"),))),
    Change(Reason.WRONG_KIND, BOX, tree(tool("point")), tree(tool("rectangle"))),
    Change(Reason.AMBIGUOUS_NAME, BOX, tree(tool("rectangle"), tool("rectangle")), tree(tool("rectangle"))),
    Change(Reason.WRONG_ANSWER, SUN | {"answer": [{"name": "sun"}, {"name": "rain"}]},
           tree(questions=(question("sun", "rain"),)), tree(questions=(question("sun", "rain", kind="checklist"),))),
    Change(Reason.WRONG_NESTING, SUN, tree(tool("rectangle", classifications=[question("sun")])),
           tree(tool("rectangle"), questions=(question("sun"),))),
    Change(Reason.MEDIA_TYPE, BOX, tree(tool("rectangle")), tree(tool("rectangle")), "TEXT", "IMAGE"),
    Change(Reason.INVALID_ANNOTATION, BOX | {"bbox": {"top": 9, "left": 1, "height": -3, "width": 4}},
           tree(tool("rectangle")), tree(tool("rectangle")), "IMAGE", "TMS_SIMPLE"),
)  # fmt: skip
EVERY_CHANGE = pytest.mark.parametrize("change", CHANGES, ids=[change.reason.value for change in CHANGES])


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


@pytest.fixture
def command(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


def publish(rig: Rig, annotation: dict[str, Any], key: str = "a") -> None:
    body = {"projectId": rig.project.id, "dataRow": {"globalKey": key}, "annotations": [annotation]}
    rig.project.publish(Row(f"k:{key}", orjson.dumps(body), 0))


def set_ontology(rig: Rig, ontology: dict[str, Any], media_type: str = "IMAGE") -> None:
    rig.sandbox.project(rig.project.id, ontology, mediaType=media_type)


def older(rig: Rig, seconds: float = REFRESH_SECONDS + 1) -> None:
    """Make the cached ontology older by `seconds`, instead of waiting."""
    rig.client.hincrby(f"{rig.project.root}:ontology", "fetchedMs", -int(seconds * 1000))


def fetches(rig: Rig) -> int:
    """Return how often this project was asked for, which is for its ontology."""
    requests = rig.sandbox.control("GET", "/requests")
    return [(request["operation"], request["projectId"]) for request in requests].count(("project", rig.project.id))


@EVERY_CHANGE
def test_a_retry_after_the_ontology_was_changed_is_checked_against_the_new_one(rig: Rig, change: Change) -> None:
    set_ontology(rig, change.before, change.media_before)
    publish(rig, change.annotation)
    rig.settle()
    assert rig.dead_letter().reason == change.reason
    set_ontology(rig, change.after, change.media_after)
    older(rig)

    rig.project.held.retry(rig.project.id, [rig.dead_letter().id])

    assert (rig.settle().imported, rig.status().dead) == (1, 0)


@EVERY_CHANGE
def test_a_new_row_that_the_cached_ontology_refuses_is_checked_against_the_new_one(rig: Rig, change: Change) -> None:
    set_ontology(rig, change.before, change.media_before)
    publish(rig, change.annotation, "first")
    rig.settle()
    set_ontology(rig, change.after, change.media_after)
    older(rig)

    publish(rig, change.annotation, "second")

    assert (rig.settle().imported, rig.status().dead) == (1, 1)


def test_a_retry_within_seconds_of_the_last_fetch_waits_and_does_not_die_again(rig: Rig) -> None:
    set_ontology(rig, tree(tool("rectangle", "tug")))
    publish(rig, BOX)
    rig.settle()
    set_ontology(rig, tree(tool("rectangle")))
    fetched, begun = fetches(rig), time.monotonic()

    rig.project.held.retry(rig.project.id, [rig.dead_letter().id])

    assert rig.settle().imported == 1
    assert fetches(rig) == fetched + 1
    assert time.monotonic() - begun < REFRESH_SECONDS + 5


def test_an_edited_message_is_checked_against_an_ontology_fetched_after_the_edit(rig: Rig, command: Command) -> None:
    publish(rig, BOX | {"name": "tug"})
    rig.settle()
    set_ontology(rig, tree(tool("rectangle", "car"), tool("rectangle", "boat")))
    dead_letter = rig.dead_letter()
    file = Path("edited.json")
    file.write_bytes(dead_letter.message.replace(b"tug", b"boat"))

    command("dead", "edit", dead_letter.id, "--file", str(file))

    assert rig.settle().imported == 1


def test_thousands_of_rows_that_do_not_fit_cost_one_fetch(rig: Rig) -> None:
    rig.warm()
    older(rig)
    fetched = fetches(rig)

    rig.project.publish(*(row_of(rig, f"row-{number}") for number in range(2000)))

    assert rig.settle().dead == 2000
    assert fetches(rig) == fetched + 1
    publish(rig, BOX | {"name": "tug"}, "one-more")
    assert rig.settle().dead == 2001
    assert fetches(rig) == fetched + 1  # the ontology is only seconds old


def row_of(rig: Rig, key: str) -> Row:
    row = car(rig.project.id, key)
    return Row(row.data_row_key, row.raw.replace(b'"car"', b'"tug"'), 0)


def test_while_labelbox_does_not_answer_no_row_dies_of_a_cached_ontology(rig: Rig) -> None:
    rig.warm()
    set_ontology(rig, tree(tool("rectangle", "tug")))
    older(rig)
    rig.fault("503", seconds=60, operations="all")

    publish(rig, BOX | {"name": "tug"})
    rig.run(lambda: len(rig.decisions()) > 2, "the ontology to be asked for in vain")

    assert (rig.status().dead, rig.status().pending) == (0, 1)
    rig.fix()
    assert rig.settle().imported == 2


def test_after_a_refresh_the_next_row_is_not_accepted_by_the_cached_ontology(rig: Rig, command: Command) -> None:
    rig.warm()
    set_ontology(rig, tree(tool("rectangle", "tug")))
    older(rig)

    said = command("project", "refresh", rig.project.id)
    publish(rig, BOX)

    assert rig.settle().dead == 1
    assert rig.dead_letter().reason == Reason.UNKNOWN_FEATURE
    assert "workers fetch the ontology again before they check the next rows; the cached one is " in said.err


@pytest.mark.parametrize("action", ["dry run", "keep"])
def test_an_action_that_retries_nothing_fetches_nothing(rig: Rig, command: Command, action: str) -> None:
    publish(rig, BOX | {"name": "tug"})
    rig.settle()
    dead_letter = rig.dead_letter()
    Path("edited.json").write_bytes(dead_letter.message)

    if action == "keep":
        command("dead", "edit", dead_letter.id, "--file", "edited.json", "--keep")
    else:
        command("dead", "retry", "--project", rig.project.id, "--dry-run")

    cached = rig.context.catalog.get(rig.project.id)
    assert cached is not None
    assert not cached.is_outdated()


def test_every_worker_learns_of_a_refresh(rig: Rig) -> None:
    rig.warm()
    workers = [Catalog(rig.client, rig.settings.key_prefix) for _ in range(3)]
    ages = {worker.get(rig.project.id) for worker in workers}
    assert not any(cached is None or cached.is_outdated() for cached in ages)

    Projects(rig.client, rig.settings.key_prefix).refresh_ontology(rig.project.id)

    assert all((cached := worker.get(rig.project.id)) and cached.is_outdated() for worker in workers)


def test_a_chunk_waits_for_a_refresh_and_for_the_retries_before_it_was_cut() -> None:
    def cached(*, retried_ms: int = 0, refresh_ms: int = 0) -> Cached:
        return Cached(Ontology.from_normalized(tree(), "IMAGE"), 0, 1_000, retried_ms, refresh_ms)

    assert not cached().is_outdated()
    assert not cached(retried_ms=1_000, refresh_ms=1_000).is_outdated()
    assert cached(retried_ms=5_000).is_outdated(cut_ms=5_001)
    assert cached(retried_ms=5_000).is_outdated(cut_ms=1_001)
    assert not cached(retried_ms=5_000).is_outdated(cut_ms=1_000)
    assert cached(refresh_ms=5_000).is_outdated(cut_ms=1_000)


def test_a_chunk_that_was_cut_before_a_refresh_is_checked_against_the_new_ontology(rig: Rig) -> None:
    rig.warm()
    publish(rig, BOX)
    rig.project.cut()
    set_ontology(rig, tree(tool("rectangle", "tug")))
    older(rig)

    Projects(rig.client, rig.settings.key_prefix).refresh_ontology(rig.project.id)

    assert rig.settle().dead == 1
    assert rig.dead_letter().reason == Reason.UNKNOWN_FEATURE


def test_two_fetches_of_a_project_are_seconds_apart_whoever_asks(rig: Rig) -> None:
    rig.warm()

    def fetch() -> ProjectOntology:
        pytest.fail("the ontology was fetched again at once")

    assert Catalog(rig.client, rig.settings.key_prefix).refresh(rig.project.id, fetch) is None


@pytest.mark.parametrize("why", ["the cached one is not new", "of a refresh"])
def test_validate_asks_labelbox_for_the_ontology_when(rig: Rig, command: Command, why: str) -> None:
    rig.warm()
    set_ontology(rig, tree(tool("rectangle", "tug")))
    if why == "of a refresh":
        command("project", "refresh", rig.project.id)
    else:
        older(rig)
    line = orjson.dumps({"projectId": rig.project.id, "dataRow": {"globalKey": "a"}, "annotations": [
        BOX | {"name": "tug"}
    ]})  # fmt: skip

    done = command("validate", "-", "--project", rig.project.id, stdin=line + b"\n")

    assert (done.code, done.out) == (0, "1 line: 1 valid, 0 invalid\n")
