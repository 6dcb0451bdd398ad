"""The example of each media type goes from the publisher through Labelbox's answer to its outcome."""

import json
from typing import Any

import pytest

from tests.support.flow import Flow
from tests.support.media_examples import FOLDER, MEDIA, ONTOLOGY


def messages(flow: Flow, name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.ndjson").read_text("utf-8").splitlines()
    return [json.loads(line) | {"projectId": flow.project} for line in lines]


def create(flow: Flow, media_type: str, task_type: str | None = None) -> None:
    facts = {"id": flow.project, "ontology": ONTOLOGY, "dataRows": "any", "mediaType": media_type}
    flow.control("POST", "projects", facts | {"editorTaskType": task_type})


@pytest.mark.parametrize("name", MEDIA)
def test_an_example_is_imported(flow: Flow, name: str) -> None:
    create(flow, MEDIA[name], "OFFLINE_MODEL_CHAT_EVALUATION" if name == "chat" else None)
    sent = messages(flow, name)
    flow.publish(*sent)

    status = flow.settled()
    assert (status.imported, status.dead) == (len(sent), 0)
    assert len(flow.pre_labels()) == sum(len(message["annotations"]) for message in sent)


def test_a_refused_answer_of_audio_holds_its_row_alone(flow: Flow) -> None:
    create(flow, "AUDIO")
    answer = [{"value": "Go ahead.", "frames": [{"start": 0, "end": 9}]}]
    around = {"projectId": flow.project, "annotations": [{"name": "transcript", "answer": answer}]}
    flow.fault("row-failure", times=1, match="row-b", error="InvalidAnnotation")
    flow.publish(*({**around, "dataRow": {"globalKey": f"row-{key}"}} for key in "abc"))

    status = flow.settled()
    assert (status.imported, status.dead) == (2, 1)
    assert [dead_letter.reason for dead_letter in flow.held.dead_letters(flow.project)] == ["refused"]
    assert len(flow.pre_labels()) == 2
