"""Starting and stopping the sandbox: it keeps everything that it has answered."""

import json
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import SandboxProcess, code_of, data_of, ndjson

Start = Callable[..., SandboxProcess]


def test_a_killed_sandbox_comes_back_with_everything_it_accepted(start: Start) -> None:
    first = start("--seconds-per-import", "0")
    ontology = first.project("c1", CARS, ["a", "b"])["ontology"]
    first.statuses("c1", "done", [car(1, "a"), car(2, "b")])
    first.control("POST", "/settings", {"secondsPerImport": 600})
    data_of(first.upload("c1", "running", ndjson([car(2, "b", bbox={"top": 9, "left": 9, "height": 9, "width": 9})])))
    data_of(first.upload("c1", "behind it", ndjson([car(3, "a"), car(4, "z")])))
    first.stop(signal.SIGKILL)

    second = start("--seconds-per-import", "0")
    assert second.ended("c1", "running")["state"] == "FINISHED"
    behind = httpx.get(second.ended("c1", "behind it")["statusFileUrl"]).content
    assert [json.loads(line)["status"] for line in behind.splitlines()] == ["SUCCESS", "FAILURE"]
    assert [line["bbox"]["top"] for line in second.pre_labels("c1")] == [5, 9, 5]
    assert httpx.get(second.find("c1", "done")["statusFileUrl"]).content.count(b"SUCCESS") == 2
    assert code_of(second.upload("c1", "done", b"")) == "RESOURCE_CONFLICT"
    assert second.project("c1", CARS, ["a", "b"])["ontology"] == ontology


def test_a_sandbox_killed_while_it_judges_ends_with_each_pre_label_once(start: Start) -> None:
    first = start("--seconds-per-import", "0")
    first.project("c1", CARS)
    content = ndjson(car(n, f"row-{n}") for n in range(20_000))
    data_of(first.upload("c1", "a", content))
    while int(first.find("c1", "a")["progress"].removesuffix("%")) < 60:
        pass
    first.stop(signal.SIGKILL)

    second = start("--seconds-per-import", "0")
    finished = second.ended("c1", "a")
    assert httpx.get(finished["statusFileUrl"]).content.count(b"\n") == 20_000
    assert second.http.get(f"{second.url}/_sandbox/projects/c1/pre-labels").content == content


def test_it_answers_while_it_judges(start: Start) -> None:
    sandbox = start("--seconds-per-import", "0", data=":memory:")
    sandbox.project("c1", CARS)
    data_of(sandbox.upload("c1", "a", ndjson(car(n, f"row-{n}") for n in range(20_000))))
    sandbox.ended("c1", "a")
    spent = [entry["seconds"] for entry in sandbox.control("GET", "/requests")][1:]
    assert len(spent) > 5
    assert sorted(spent)[len(spent) // 2] < 0.1


def test_it_prints_one_line_and_stops_cleanly_with_a_held_request(start: Start) -> None:
    sandbox = start()
    sandbox.project("c1", CARS)
    assert json.loads(sandbox.printed) == {"url": sandbox.url, "graphql": f"{sandbox.url}/graphql"}
    sandbox.control("POST", "/faults", {"fault": "accept-then-time-out"})

    def held() -> None:
        with suppress(httpx.HTTPError):
            sandbox.upload("c1", "a", b"")

    waiting = threading.Thread(target=held)
    waiting.start()
    while not any(entry["fault"] for entry in sandbox.control("GET", "/requests")):
        pass
    seconds = sandbox.stop()
    waiting.join()
    assert seconds < 5
    assert sandbox.process.returncode == 0
    assert sandbox.rest == ""


def test_a_folder_of_an_older_release_is_still_read(start: Start, tmp_path: Path) -> None:
    """Its projects have no word on whether labelers see pre-labels: they do."""
    with sqlite3.connect(tmp_path / "state.sqlite3") as older:
        older.execute(
            "CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT, media_type TEXT, ontology TEXT,"
            " any_rows INTEGER, created REAL, updated REAL)"
        )
        ontology = '{"tools": [], "classifications": []}'
        older.execute("INSERT INTO projects VALUES ('p', 'P', 'IMAGE', ?, 1, 1, 1)", (ontology,))
    older.close()

    sandbox = start()
    answer = sandbox.ask('{ project(where: {id: "p"}) { name showingPredictionsToLabelers } }')

    assert data_of(answer) == {"project": {"name": "P", "showingPredictionsToLabelers": True}}
