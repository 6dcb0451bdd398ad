"""The pre-labels that accepted lines become, with and without uuids, and the limits on their number."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox.cars import car
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.process import SandboxProcess, data_of

REPEATED = {
    "video objects": ("VIDEO", [example("VOBJ-1"), example("VOBJ-2")]),
    "video masks": ("VIDEO", [example("VMASK-1"), example("VMASK-2")]),
    "timed answers": ("VIDEO", [example("VCLS-2", 0), example("VCLS-2", 1)]),
    "temporal answers": ("AUDIO", [example("TEMP-1"), example("TEMP-2")]),
    "entities": ("TEXT", [example("ENT-1"), example("ENT-2")]),
    "answers of messages": ("CONVERSATIONAL", [example("MSG-1"), example("MSG-1", messageId="m-4")]),
}


@pytest.mark.parametrize(("media", "lines"), REPEATED.values(), ids=REPEATED)
def test_instances_of_one_feature_stand_beside_each_other_and_are_replaced_by_uuid(
    sandbox: SandboxProcess, project: str, media: str, lines: list[dict[str, Any]]
) -> None:
    named = [{**line, "uuid": f"0c4a7c1e-52a1-5a0b-9a53-{number:012x}"} for number, line in enumerate(lines)]
    sandbox.project(project, HARBOUR, mediaType=media)
    sandbox.statuses(project, "a", named)
    sandbox.statuses(project, "b", named)
    assert sandbox.pre_labels(project) == named


@pytest.mark.parametrize(("media", "lines"), REPEATED.values(), ids=REPEATED)
def test_lines_without_uuid_are_given_one_and_add_up(
    sandbox: SandboxProcess, project: str, media: str, lines: list[dict[str, Any]]
) -> None:
    """Without a uuid, lines have no relation to an earlier import, so they replace nothing."""
    bare = [{key: value for key, value in line.items() if key != "uuid"} for line in lines]
    sandbox.project(project, HARBOUR, mediaType=media)
    statuses = sandbox.statuses(project, "a", bare) + sandbox.statuses(project, "b", bare)
    uuids = [each["uuid"] for each in statuses]
    assert len(set(uuids)) == 4
    assert sandbox.pre_labels(project) == [{"uuid": u, **line} for u, line in zip(uuids, bare + bare, strict=True)]


def test_a_refused_line_without_uuid_is_given_one_too(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR, mediaType="AUDIO")
    refused, known = sandbox.statuses(project, "a", [example("TEMP-1", name="tram"), example("TEMP-1")])
    assert (refused["status"], known["status"]) == ("FAILURE", "SUCCESS")
    assert len(refused["uuid"]) == 36
    assert refused["dataRow"]["globalKey"] == "vhf-rec/2031-02-11.mp3"
    assert refused["errors"][0]["message"] == "Ontology does not contain name: tram"


def test_a_data_row_takes_5000_annotations_of_a_feature_in_one_import(sandbox: SandboxProcess, project: str) -> None:
    lines = [car(number, "crowded") for number in range(5001)] + [car(6000, "other")]
    statuses = sandbox.statuses(project, "a", lines)
    assert [number for number, each in enumerate(statuses) if each["status"] == "FAILURE"] == [5000]
    assert "5000" in statuses[5000]["errors"][0]["message"]
    assert [each["status"] for each in sandbox.statuses(project, "b", lines[:10])] == ["SUCCESS"] * 10


def test_a_data_row_takes_one_prompt(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR, mediaType="LLM_PROMPT_CREATION")
    first, second = example("PROMPT-1"), example("PROMPT-1", uuid=car()["uuid"])
    elsewhere = {**second, "dataRow": {"globalKey": "prompts/18"}}
    statuses = sandbox.statuses(project, "a", [first, second, elsewhere])
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE", "SUCCESS"]


OLDER = """
CREATE TABLE projects (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, ontology TEXT, any_rows INTEGER, created REAL, updated REAL);
CREATE TABLE data_rows (
    project_id TEXT, global_key TEXT, id TEXT, PRIMARY KEY (project_id, global_key)) WITHOUT ROWID;
INSERT INTO projects VALUES ('cm1', 'P', 'IMAGE', '{"tools": [], "classifications": []}', 0, 1, 1);
INSERT INTO data_rows VALUES ('cm1', 'a', 'c1');
CREATE TABLE imports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, project_id TEXT, name TEXT, state TEXT, share REAL,
    secret TEXT UNIQUE, created REAL, ended REAL, deleted INTEGER DEFAULT 0);
INSERT INTO imports VALUES (7, 'ci', 'cm1', 'before', 'FINISHED', 1, 's', 1, 2, 0);
"""


def test_a_folder_of_an_older_sandbox_is_taken_over(tmp_path: Path, start: Callable[..., SandboxProcess]) -> None:
    with sqlite3.connect(tmp_path / "state.sqlite3") as connection:
        connection.executescript(OLDER)
    connection.close()
    sandbox = start("--seconds-per-import", "0")
    assert sandbox.find("cm1", "before")["state"] == "FINISHED"
    ontology = '{ project(where: {id: "cm1"}) { ontology { id normalized } } }'
    assert data_of(sandbox.ask(ontology))["project"]["ontology"]["normalized"] == {"tools": [], "classifications": []}
    (status,) = sandbox.statuses("cm1", "old", [car(1, "a")])
    assert status["dataRow"] == {"id": "c1", "globalKey": "a"}
    sandbox.project("cm1", HARBOUR, [{"globalKey": "a", "frames": 1}], mediaType="VIDEO")
    (status,) = sandbox.statuses("cm1", "new", [example("VCLS-1", dataRow={"globalKey": "a"})])
    assert status["errors"][0]["message"] == "frame 240 is after the last frame (1)"
