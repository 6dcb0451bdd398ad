"""A data row answers each question once: what counts as the same question, in one message of any medium."""

from typing import Any

import orjson
import pytest

from prelabel import MessageError, Reason
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR

CLEAR, FOG = ({"name": "weather", "answer": {"name": name}} for name in ("clear", "fog"))
BY_ID = {"schemaId": "c55ecb30c958cc49a78902462", "answer": {"name": "fog"}}
FLAGS = {"name": "flags", "answer": [{"name": "red"}]}
REMARK = {"name": "remark", "answer": "x"}
TONE = {"name": "tone", "answer": {"name": "calm"}}
CHOICE = {"messageId": "r-1", "modelConfigName": "tide-7b"}


def times(start: int, end: int) -> dict[str, Any]:
    return {"frames": [{"start": start, "end": end}]}


def light(name: str, start: int, end: int) -> dict[str, Any]:
    return {"name": "light", "answer": {"name": name, **times(start, end)}}


def task(parent: str) -> dict[str, Any]:
    data = {"parentMessageId": parent, **CHOICE}
    return {"name": "best reply", "messageEvaluationTask": {"format": "message-single-selection", "data": data}}


def build(media: str, *annotations: dict[str, Any]) -> bytes:
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations}
    return RowBuilder("p", Ontology.from_normalized(HARBOUR, media)).build(orjson.dumps(message)).lines


TWICE = [
    ("IMAGE", (CLEAR, FOG)),
    ("IMAGE", (CLEAR, CLEAR)),
    ("IMAGE", (CLEAR, BY_ID)),
    ("VIDEO", (FLAGS, {"name": "flags", "answer": []})),
    ("TEXT", (REMARK, {"name": "remark", "answer": ""})),
    ("HTML", (REMARK, REMARK)),
    ("CONVERSATIONAL", (TONE | {"messageId": "m-1"}, TONE | {"messageId": "m-1"})),
    ("CONVERSATIONAL", (task("q-1"), task("q-1"))),
    ("LLM_PROMPT_RESPONSE_CREATION", ({"name": "reply quality", "answer": {"name": "good"}},) * 2),
]


@pytest.mark.parametrize(("media", "annotations"), TWICE)
def test_a_question_is_not_answered_twice(media: str, annotations: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(MessageError) as refusal:
        build(media, *annotations)

    assert (refusal.value.reason, refusal.value.path) == (Reason.TOO_MANY_ANNOTATIONS, "annotations[1]")
    assert "again" in refusal.value.found


SEVERAL = [
    ("IMAGE", (CLEAR, FLAGS, REMARK)),
    ("CONVERSATIONAL", (TONE, TONE | {"messageId": "m-1"}, TONE | {"messageId": "m-2"})),
    ("CONVERSATIONAL", (task("q-1"), task("q-2"))),
    ("VIDEO", (light("day", 1, 5), light("night", 6, 9), light("day", 10, 12))),
    ("VIDEO", (light("day", 1, 5), light("day", 3, 9))),
    ("AUDIO", ({"name": "noise", "answer": [{"name": "engine", **times(0, 9)}]},) * 2),
    ("AUDIO", ({"name": "transcript", "answer": [{"value": "x", **times(0, 9)}]},) * 2),
    ("IMAGE", ({"name": "bollard", "point": {"x": 1, "y": 2}},) * 2),
    ("TEXT", ({"name": "ship name", "location": {"start": 0, "end": 1}},) * 2),
]


@pytest.mark.parametrize(("media", "annotations"), SEVERAL)
def test_questions_about_other_messages_times_or_objects_are_others(
    media: str, annotations: tuple[dict[str, Any], ...]
) -> None:
    assert build(media, *annotations).count(b"\n") == len(annotations)


@pytest.mark.parametrize(
    "annotations",
    [
        (light("day", 1, 5), light("night", 5, 9)),
        (light("day", 1, 90), light("day", 2, 3), light("night", 50, 60)),
        (
            light("day", 1, 5),
            {"schemaId": "c4ca3eb740c19b53dce4afac7", "answer": [{"name": "night"}], **times(2, 2)},
        ),
    ],
)
@pytest.mark.parametrize("media", ["VIDEO", "AUDIO"])
def test_a_radio_has_one_option_at_a_time_in_all_annotations(
    media: str, annotations: tuple[dict[str, Any], ...]
) -> None:
    with pytest.raises(MessageError) as refusal:
        build(media, *annotations)

    assert refusal.value.reason is Reason.WRONG_ANSWER
    assert refusal.value.path == f"annotations[{len(annotations) - 1}].answer"
