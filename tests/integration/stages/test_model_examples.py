"""The examples with real models: what they infer is imported without a dead letter."""

import json
import runpy
from typing import Any

import pytest

from prelabel import Publisher
from tests.support.rig import Rig
from tests.support.sources import ROOT

FOLDER = ROOT / "examples/models"
PROJECTS = {project["id"]: project for project in json.loads((FOLDER / "projects.json").read_text("utf-8"))}
NEEDS = {"sentiment": "vaderSentiment", "speech": "webrtcvad", "faces": "cv2", "signs": "onnxruntime"}


def run(name: str, project_id: str) -> list[dict[str, Any]]:
    pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    messages: list[dict[str, Any]] = list(runpy.run_path(str(FOLDER / f"{name}.py"))["messages"](project_id))
    return messages


@pytest.mark.parametrize("name", PROJECTS)
def test_what_a_model_infers_is_imported(name: str, rig: Rig) -> None:
    project = PROJECTS[name]
    rig.sandbox.project(
        rig.project.id, project["ontology"], project["dataRows"], mediaType=project["mediaType"], name=project["name"]
    )
    messages = run(name, rig.project.id)

    with Publisher(rig.settings.redis_url.get_secret_value(), key_prefix=rig.settings.key_prefix) as publisher:
        for message in messages:
            publisher.publish(message)
    rig.settle()

    status = rig.project.status()
    assert (status.imported, status.dead, status.pending) == (len(project["dataRows"]), 0, 0)
    assert all(message["annotations"] for message in messages)


def test_each_example_has_a_project_and_is_tested() -> None:
    programs = {path.stem for path in FOLDER.glob("*.py")} - {"make_inputs"}

    assert programs == PROJECTS.keys() == NEEDS.keys()


def test_the_sentiments_and_the_calls_are_those_of_the_inputs() -> None:
    feelings = [message["annotations"][0]["answer"]["name"] for message in run("sentiment", "p")]
    assert feelings == ["glad", "angry", "neutral"]

    (message,) = run("speech", "p")
    assert len(message["annotations"][0]["answer"][0]["frames"]) == 3
