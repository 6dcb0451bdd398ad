"""An error names the key that is wrong, at the place where the line has it."""

import json
from typing import Any

import orjson
import pytest

from prelabel.errors import MessageError, Reason
from prelabel.validation.gate import prepare
from prelabel.validation.written_path import written_path
from tests.support.kind_matrix import BUILDERS, sandbox_says

BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
TIMES = {"frames": [{"start": 1, "end": 2}]}
KEYFRAME = {"frame": 1, "bbox": BOX}
LINE = {"frame": 1, "line": [{"x": 1, "y": 1}, {"x": 2, "y": 1}]}
UNKNOWN_ID = 25 * "x"


def refusal(annotation: dict[str, Any], media: str | None) -> MessageError:
    message = {"projectId": "harbour", "dataRow": {"globalKey": "k"}, "annotations": [annotation]}
    with pytest.raises(MessageError) as caught:
        prepare(message) if media == "" else BUILDERS[media].build(orjson.dumps(message))
    return caught.value


PUBLISHED: list[tuple[str, dict[str, Any], str, str]] = [
    ("an object under answers, of a message", {"name": "topics", "answers": {"name": "berth"}, "messageId": "m"},
     "answers", "an array"),
    ("an object under answers, with times", {"name": "events", "answers": {"name": "horn"}, **TIMES},
     "answers", "an array"),
    ("an object under answers, with times inside", {"name": "events", "answers": {"name": "horn", **TIMES}},
     "answers", "an array"),
    ("a text under answers", {"name": "flags", "answers": "red"}, "answers", "an array"),
    ("answer and answers", {"name": "flags", "answer": [{"name": "red"}], "answers": [{"name": "red"}]},
     "answers", "one of answer and answers"),
    ("a message of a timed answer", {"name": "light", "answer": {"name": "day", **TIMES}, "messageId": "m"},
     "messageId", "no messageId: a timed radio has none"),
    ("a message of timed options", {"name": "events", "answer": [{"name": "horn", **TIMES}], "messageId": "m"},
     "messageId", "no messageId: a timed checklist has none"),
    ("a message of a timed text", {"name": "note", "answer": [{"value": "x", **TIMES}], "messageId": "m"},
     "messageId", "no messageId: a timed text has none"),
    ("a group of video boxes", {"name": "vessel", "segments": [{"keyframes": [KEYFRAME]}], "groupKey": "axial"},
     "groupKey", "no groupKey: it belongs to a DICOM polyline or a DICOM mask set, and this is a video object"),
    ("a page of a box", {"name": "vessel", "bbox": BOX, "page": 1},
     "unit", "a value, since page makes this a document box"),
    ("a page of a tile box", {"name": "vessel", "bbox": BOX | {"height": -3}, "page": 1},
     "page", "no page: it belongs to a document box, and this is a tile box"),
    ("a page of a point", {"name": "bollard", "point": {"x": 1, "y": 1}, "page": 1},
     "page", "no page: it belongs to a document box, and this is a point"),
    ("times of a text", {"name": "remark", "answer": "x", **TIMES},
     "frames", "no frames: it belongs to a timed checklist or a timed radio, and this is a free text"),
    ("a data row in a kind of videos",
     {"name": "vessel", "segments": [{"keyframes": [KEYFRAME]}], "dataRow": {"id": "a"}},
     "dataRow", "no dataRow: the message says it once for all annotations"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "path", "expected"), [c[1:] for c in PUBLISHED], ids=[c[0] for c in PUBLISHED])
def test_publishing_names_the_key_that_is_wrong(annotation: dict[str, Any], path: str, expected: str) -> None:
    error = refusal(annotation, "")

    assert (error.path, error.expected) == (f"annotations[0].{path}", expected)
    assert "did you mean" not in str(error)


BUILT: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("a page of an image's box", "IMAGE", {"name": "vessel", "bbox": BOX, "page": 1},
     "page", "no page: it makes this a document box, and IMAGE assets take a bounding box"),
    ("a unit of an image's box", "IMAGE", {"name": "vessel", "bbox": BOX, "unit": "POINTS"},
     "unit", "no unit: it makes this a document box, and IMAGE assets take a bounding box"),
    ("a page without a unit in a document", "PDF", {"name": "vessel", "bbox": BOX, "page": 1},
     "unit", "a value, since page makes this a document box"),
    ("a message of a timed answer in a video", "VIDEO",
     {"name": "light", "answer": {"name": "day", **TIMES}, "messageId": "m"},
     "messageId", "no messageId: a timed radio has none"),
    ("times of a message's answer in a conversation", "CONVERSATIONAL",
     {"name": "tone", "answer": {"name": "calm", **TIMES}, "messageId": "m"},
     "answer.frames", "no frames: it makes this a timed radio, and CONVERSATIONAL assets take a message radio"),
    ("a text in an image's option", "IMAGE", {"name": "flags", "answer": [{"name": "red", "value": "x"}]},
     "answer[0].value", "no value: it makes this a timed text, and IMAGE assets take a checklist"),
    ("times of an image's option", "IMAGE", {"name": "flags", "answers": [{"name": "red", **TIMES}]},
     "answers[0].frames", "no frames: it makes this a timed checklist, and IMAGE assets take a checklist"),
    ("a group of a video's lines", "VIDEO",
     {"name": "mooring rope", "segments": [{"keyframes": [LINE]}], "groupKey": "axial"},
     "groupKey", "no groupKey: it makes this a DICOM polyline, and VIDEO assets take a video object"),
    ("a group of boxes in a volume", "DICOM",
     {"name": "vessel", "segments": [{"keyframes": [KEYFRAME]}], "groupKey": "axial"},
     "segments[0].keyframes[0].bbox", "one of frame, line"),
    ("a message of a text's entity", "TEXT",
     {"name": "ship name", "location": {"start": 1, "end": 2}, "messageId": "m"},
     "messageId", "no messageId: it makes this a conversation entity, and TEXT assets take a text entity"),
    ("an unknown option under answers", "IMAGE", {"name": "flags", "answers": [{"name": "red"}, {"name": "blue"}]},
     "answers[1].name", "an option of 'flags'"),
    ("an unknown option under answers with times", "AUDIO", {"name": "noise", "answers": [{"name": "hoot", **TIMES}]},
     "answers[0].name", "an option of 'noise'"),
    ("an unknown option under answers below an object", "IMAGE",
     {"name": "quay area", "polygon": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 9, "y": 9}],
      "classifications": [{"name": "surface", "answers": [{"name": "glass"}]}]},
     "classifications[0].answers[0].name", "an option of 'surface'"),
    ("an unknown id in the SDK's spelling", "IMAGE", {"name": "weather", "answer": {"schema_id": UNKNOWN_ID}},
     "answer.schema_id", "an option of 'weather'"),
    ("an unknown id of an instance", "VIDEO",
     {"masks": {"frames": [{"index": 1, "instanceURI": "https://masks.example.org/1.png"}],
                "instances": [{"colorRGB": [1, 2, 3], "name": "oil film", "featureSchemaId": UNKNOWN_ID}]}},
     "masks.instances[0].featureSchemaId", "a feature of the project's ontology"),
    ("an unknown classification beside an answer", "IMAGE",
     {"name": "weather", "answer": {"name": "fog"}, "classifications": [{"name": "density", "answer": {"name": "x"}}]},
     "classifications[0].name", "a classification nested under option 'fog' of 'weather'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("media", "annotation", "path", "expected"), [case[1:] for case in BUILT], ids=[case[0] for case in BUILT]
)
def test_a_worker_names_the_key_that_is_wrong_on_its_media_type(
    media: str, annotation: dict[str, Any], path: str, expected: str
) -> None:
    error = refusal(annotation, media)

    assert error.path == f"annotations[0].{path}"
    assert error.expected.startswith(expected)


def test_the_hint_about_a_missing_key_names_the_key_that_asks_for_it() -> None:
    error = refusal({"name": "vessel", "bbox": BOX, "page": 1}, "")

    assert error.hint == "without page, it is a bounding box"
    assert error.reason is Reason.INVALID_ANNOTATION


@pytest.mark.parametrize(
    ("path", "message", "written"),
    [
        ("a.answer[0].name", {"a": {"answers": [{"name": "x"}]}}, "a.answers[0].name"),
        ("a.answer[0].name", {"a": {"answer": None, "answers": [{"name": "x"}]}}, "a.answers[0].name"),
        ("a.answer[0].name", {"a": {"answer": [{"name": "x"}]}}, "a.answer[0].name"),
        ("a.answer", {"a": {}}, "a.answer"),
        ("a.answer.schemaId", {"a": {"answers": {"schema_id": "x"}}}, "a.answers.schema_id"),
        (
            "answer.classifications[0].answer.name",
            {"answer": {"name": "x"}, "classifications": [{"answers": {"name": "y"}}]},
            "classifications[0].answers.name",
        ),
        (
            "answer.classifications[0].name",
            {"answer": {"classifications": [{"name": "x"}]}, "classifications": []},
            "answer.classifications[0].name",
        ),
        ("", {"answers": []}, ""),
        ("answer[7].name", {"answers": []}, "answers[7].name"),
        ("answer[0].name", [], "answer[0].name"),
    ],
    ids=json.dumps,
)
def test_a_path_is_that_of_the_message_as_it_was_written(path: str, message: Any, written: str) -> None:
    assert written_path(path, message) == written


@pytest.mark.parametrize(
    ("media", "line", "named"),
    [
        ("IMAGE", {"name": "flags", "answers": [{"name": "red", "colour": 1}]}, "{'answers': {'colour': "),
        ("IMAGE", {"name": "flags", "answers": {"name": "red"}}, "{'answers': "),
        ("VIDEO", {"name": "events", "answers": [{"name": "horn", "frames": []}]}, "{'answers': {'frames': "),
        ("IMAGE", {"name": "flags", "answer": [{"name": "red", "colour": 1}]}, "{'answer': {'colour': "),
    ],
)
def test_the_sandbox_names_the_key_that_the_line_has(media: str, line: dict[str, Any], named: str) -> None:
    refusal = sandbox_says([{"dataRow": {"globalKey": "k"}, **line}], media)

    assert refusal is not None
    assert refusal.startswith(named)
