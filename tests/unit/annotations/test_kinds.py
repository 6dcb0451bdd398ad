"""Each kind that images do not have: its form in Python and on the wire, and what is refused, with its path."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import prelabel
from prelabel import (
    ConversationEntity,
    DicomMasks,
    DicomPolyline,
    DocumentBox,
    DocumentEntity,
    InvalidAnnotation,
    Keyframe,
    MaskFrame,
    MaskInstance,
    MessageChecklist,
    MessageError,
    MessageEvaluation,
    MessageRadio,
    MessageText,
    RankedMessage,
    Reason,
    Segment,
    SelectedMessage,
    Slice,
    SliceSegment,
    TextEntity,
    TextSelection,
    TileBox,
    TimedChecklist,
    TimedClassification,
    TimedOption,
    TimedRadio,
    TimedText,
    VideoMasks,
    VideoObject,
)
from prelabel.annotations import Annotation
from prelabel.annotations.kinds import KINDS
from prelabel.validation.gate import prepare
from tests.golden.strategies import PNG

URI = "https://masks.example.org/1.png"
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
RANGE = {"start": 1, "end": 240}
FRAMES = [MaskFrame(index=1, instanceURI=URI)]
INSTANCES = [MaskInstance(colorRGB=[0, 120, 255], name="oil")]
MASKS = {"frames": [{"index": 1, "instanceURI": URI}], "instances": [{"colorRGB": [0, 120, 255], "name": "oil"}]}
PYTHON: list[tuple[Annotation, dict[str, Any]]] = [
    (TextEntity("ship", start=4, end=12), {"name": "ship", "location": {"start": 4, "end": 12}}),
    (
        ConversationEntity("ship", start=0, end=0, message_id="m-2"),
        {"name": "ship", "location": {"start": 0, "end": 0}, "messageId": "m-2"},
    ),
    (MessageRadio("tone", "calm", message_id="m"), {"name": "tone", "answer": {"name": "calm"}, "messageId": "m"}),
    (
        MessageChecklist("topics", ["berth"], message_id="m"),
        {"name": "topics", "answer": [{"name": "berth"}], "messageId": "m"},
    ),
    (MessageText("note", "Hello.", message_id="m"), {"name": "note", "answer": "Hello.", "messageId": "m"}),
    (
        DocumentBox("stamp", left=72, top=90.5, width=180, height=14, page=1),
        {
            "name": "stamp",
            "bbox": {"top": 90.5, "left": 72, "height": 14, "width": 180},
            "page": 1,
            "unit": "POINTS",
        },
    ),
    (
        DocumentEntity("ship", [TextSelection(group_id="g", token_ids=["t"], page=1)]),
        {"name": "ship", "textSelections": [{"groupId": "g", "tokenIds": ["t"], "page": 1}]},
    ),
    (
        VideoObject("vessel", [Segment([Keyframe(1, bbox=BOX), Keyframe(9, bbox=BOX, confidence=0.5)])]),
        {
            "name": "vessel",
            "segments": [{"keyframes": [{"frame": 1, "bbox": BOX}, {"frame": 9, "bbox": BOX, "confidence": 0.5}]}],
        },
    ),
    (
        VideoObject("rope", [Segment([Keyframe(0, line=[(0, 1), (2, 3)])])]),
        {"name": "rope", "segments": [{"keyframes": [{"frame": 0, "line": [{"x": 0, "y": 1}, {"x": 2, "y": 3}]}]}]},
    ),
    (VideoMasks(frames=FRAMES, instances=INSTANCES), {"masks": MASKS}),
    (
        TimedRadio("light", "day", frames=[(1, 240)]),
        {"name": "light", "answer": {"name": "day", "frames": [RANGE]}},
    ),
    (
        TimedChecklist("events", [TimedOption("horn", [(1, 240)])]),
        {"name": "events", "answer": [{"name": "horn", "frames": [RANGE]}]},
    ),
    (
        TimedChecklist("events", ["horn", "splash"], frames=[(1, 240)]),
        {"name": "events", "answer": [{"name": "horn"}, {"name": "splash"}], "frames": [RANGE]},
    ),
    (
        TimedText("note", [TimedOption(value="gate opens", frames=[(1, 240)])]),
        {"name": "note", "answer": [{"value": "gate opens", "frames": [RANGE]}]},
    ),
    (
        TimedChecklist(
            "speaker",
            [TimedOption("pilot", [(1, 240)], classifications=[TimedClassification("mood", [TimedOption("calm")])])],
        ),
        {
            "name": "speaker",
            "answer": [
                {
                    "name": "pilot",
                    "frames": [RANGE],
                    "classifications": [{"name": "mood", "answer": [{"name": "calm"}]}],
                }
            ],
        },
    ),
    (
        TileBox("vessel", left=8.7, top=53.87, width=0.01, height=-0.02),
        {"name": "vessel", "bbox": {"top": 53.87, "left": 8.7, "height": -0.02, "width": 0.01}},
    ),
    (
        DicomPolyline("vein", [SliceSegment([Slice(7, [(1, 2), (3, 4)])])], group_key="axial"),
        {
            "name": "vein",
            "segments": [{"keyframes": [{"frame": 7, "line": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]}],
            "groupKey": "axial",
        },
    ),
    (
        DicomMasks(frames=FRAMES, instances=INSTANCES, group_key="coronal"),
        {"masks": MASKS, "groupKey": "coronal"},
    ),
    (
        MessageEvaluation(
            "best", format="message-single-selection", parent_message_id="q", message_id="r", model_config_name="m"
        ),
        {
            "name": "best",
            "messageEvaluationTask": {
                "format": "message-single-selection",
                "data": {"parentMessageId": "q", "messageId": "r", "modelConfigName": "m"},
            },
        },
    ),
    (
        MessageEvaluation(
            "usable",
            format="message-multi-selection",
            parent_message_id="q",
            selected_messages=[SelectedMessage(message_id="r", model_config_name="m")],
        ),
        {
            "name": "usable",
            "messageEvaluationTask": {
                "format": "message-multi-selection",
                "data": {"parentMessageId": "q", "selectedMessages": [{"messageId": "r", "modelConfigName": "m"}]},
            },
        },
    ),
    (
        MessageEvaluation(
            "order",
            format="message-ranking",
            parent_message_id="q",
            ranked_messages=[RankedMessage(message_id="r", model_config_name="m", order=1)],
        ),
        {
            "name": "order",
            "messageEvaluationTask": {
                "format": "message-ranking",
                "data": {
                    "parentMessageId": "q",
                    "rankedMessages": [{"messageId": "r", "modelConfigName": "m", "order": 1}],
                },
            },
        },
    ),
]
IDS = [type(each).__name__ for each, _ in PYTHON]


@pytest.mark.parametrize(("annotation", "wire"), PYTHON, ids=IDS)
def test_python_becomes_the_shape_of_the_wire(annotation: Annotation, wire: dict[str, Any]) -> None:
    assert annotation.wire() == wire


@pytest.mark.parametrize(("annotation", "wire"), PYTHON, ids=IDS)
def test_the_shape_of_the_wire_becomes_the_same_python(annotation: Annotation, wire: dict[str, Any]) -> None:
    assert type(annotation).model_validate(wire, by_alias=True, by_name=False).wire() == wire


@pytest.mark.parametrize(("annotation", "wire"), PYTHON, ids=IDS)
def test_a_typed_annotation_is_published_as_its_wire(annotation: Annotation, wire: dict[str, Any]) -> None:
    message = prelabel.PredictionMessage(project_id="p", data_row=prelabel.GlobalKey("k"), annotations=[annotation])

    assert json.loads(prepare(message).raw)["annotations"] == [wire]


def test_each_kind_has_a_type_that_is_exported_and_written_here() -> None:
    names = {kind.model.__name__ for kind in KINDS}

    assert names <= set(prelabel.__all__)
    assert {kind.model.__name__ for kind in KINDS if not kind.image} == set(IDS)


@pytest.mark.parametrize("name", prelabel.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(prelabel, name).__name__ == name
    assert name in dir(prelabel)


def test_what_is_not_exported_is_not_there() -> None:
    with pytest.raises(AttributeError, match="Ellipse"):
        getattr(prelabel, "Ellipse")  # noqa: B009 - a type checker would refuse the attribute


LOADED = """
import sys, prelabel
from prelabel.validation.gate import prepare
first = sorted(name for name in sys.modules if name.startswith("prelabel.annotations."))
around = {"projectId": "p", "dataRow": {"id": "d"}}
prepare(around | {"annotations": [{"name": "b", "point": {"x": 1, "y": 1}}]})
print(first == sorted(name for name in sys.modules if name.startswith("prelabel.annotations.")))
print([name for name in ("video", "timed", "text", "document", "geo") if f"prelabel.annotations.{name}" in first])
prepare(around | {"annotations": [{"name": "b", "location": {"start": 1, "end": 1}}]})
print("prelabel.annotations.text" in sys.modules, "prelabel.annotations.video" in sys.modules)
"""


def test_a_kind_is_loaded_when_the_first_of_it_is_met() -> None:
    answer = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert answer.stdout.split("\n") == ["True", "[]", "True False", ""]


THREADS = """
import sys, threading
from prelabel.validation.gate import prepare
from tests.golden import cases, message_of
sys.setswitchinterval(1e-6)
messages = [message_of([line]) for case in cases("valid") for line in case["lines"] if "relationship" not in line]
start, failed = threading.Barrier(8), []
def work(first):
    start.wait()
    try:
        for at in range(len(messages)):
            prepare(messages[(at + first * 9) % len(messages)])
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=work, args=(each,)) for each in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
print(failed)
"""


def test_threads_may_meet_the_first_of_a_kind_together() -> None:
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, cwd=root)

    assert answer.stdout.strip() == "[]"


# -- what is refused ---------------------------------------------------------------------------------------------------


def keyframes(*given: Any) -> dict[str, Any]:
    return {"name": "v", "segments": [{"keyframes": list(given)}]}


def masks(**fields: Any) -> dict[str, Any]:
    return {"masks": MASKS | fields}


def timed(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "t", "answer": list(items)} | fields


def task(form: str, **data: Any) -> dict[str, Any]:
    return {"name": "e", "messageEvaluationTask": {"format": form, "data": {"parentMessageId": "q"} | data}}


def deep(levels: int) -> dict[str, Any]:
    item: dict[str, Any] = {"name": "o", "frames": [RANGE]}
    for _ in range(levels):
        item = {"name": "o", "frames": [RANGE], "classifications": [{"name": "c", "answer": [item]}]}
    return timed(item)


REPLY = {"messageId": "r", "modelConfigName": "m"}
DAY = {"name": "day", "frames": [RANGE]}
ENTITY = {"name": "ship", "location": {"start": 1, "end": 3}}
TOKENS = {"groupId": "g", "tokenIds": ["t"], "page": 1}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("an end before its start", ENTITY | {"location": {"start": 3, "end": 2}}, "location.end"),
    ("a negative start", ENTITY | {"location": {"start": -1, "end": 2}}, "location.start"),
    ("half a character", ENTITY | {"location": {"start": 1, "end": 2.5}}, "location.end"),
    ("true for an offset", ENTITY | {"location": {"start": 1, "end": True}}, "location.end"),
    ("beyond any text", ENTITY | {"location": {"start": 1, "end": 65_536}}, "location.end"),
    ("beyond any message", ENTITY | {"messageId": "m", "location": {"start": 1, "end": 10_000}}, "location.end"),
    ("a span of pairs", ENTITY | {"location": [1, 3]}, "location"),
    ("an empty message id", ENTITY | {"messageId": ""}, "messageId"),
    ("a message id of a box", {"name": "b", "bbox": BOX, "messageId": "m"}, "messageId"),
    ("page without unit", {"name": "b", "bbox": BOX, "page": 1}, "unit"),
    ("unit without page", {"name": "b", "bbox": BOX, "unit": "POINTS"}, "page"),
    ("an unknown unit", {"name": "b", "bbox": BOX, "page": 1, "unit": "points"}, "unit"),
    ("an upward document box", {"name": "b", "bbox": BOX | {"height": -1}, "page": 1, "unit": "POINTS"}, "bbox.height"),
    ("page 0 of an entity", {"name": "e", "textSelections": [TOKENS | {"page": 0}]}, "textSelections[0].page"),
    ("no tokens", {"name": "e", "textSelections": [TOKENS | {"tokenIds": []}]}, "textSelections[0].tokenIds"),
    (
        "a number for a token",
        {"name": "e", "textSelections": [TOKENS | {"tokenIds": [1]}]},
        "textSelections[0].tokenIds[0]",
    ),
    ("no segments", {"name": "v", "segments": []}, "segments"),
    ("no keyframes", keyframes(), "segments[0].keyframes"),
    ("a keyframe without a geometry", keyframes({"frame": 1}), "segments[0].keyframes[0]"),
    ("two geometries", keyframes({"frame": 1, "bbox": BOX, "point": {"x": 1, "y": 1}}), "segments[0].keyframes[0]"),
    ("a polygon in video", keyframes({"frame": 1, "polygon": []}), "segments[0].keyframes[0].polygon"),
    (
        "a mixture",
        keyframes({"frame": 1, "bbox": BOX}, {"frame": 2, "point": {"x": 1, "y": 1}}),
        "segments[0].keyframes[1].point",
    ),
    (
        "a frame twice",
        keyframes({"frame": 1, "bbox": BOX}, {"frame": 1, "bbox": BOX}),
        "segments[0].keyframes[1].frame",
    ),
    ("a negative frame", keyframes({"frame": -1, "bbox": BOX}), "segments[0].keyframes[0].frame"),
    (
        "segments that overlap",
        {"name": "v", "segments": [{"keyframes": [{"frame": at, "bbox": BOX}]} for at in (5, 5)]},
        "segments[1].keyframes[0].frame",
    ),
    (
        "answers beside segments",
        keyframes({"frame": 1, "bbox": BOX}) | {"classifications": [{"name": "c", "answer": "x"}]},
        "classifications",
    ),
    (
        "an upward box in video",
        keyframes({"frame": 1, "bbox": BOX | {"height": -1}}),
        "segments[0].keyframes[0].bbox.height",
    ),
    (
        "more keyframes than a video has frames",
        keyframes(*({"frame": at, "point": {"x": 1, "y": 1}} for at in range(20_001))),
        "segments[0].keyframes",
    ),
    (
        "the same in two segments",
        {
            "name": "v",
            "segments": [
                {"keyframes": [{"frame": at, "point": {"x": 1, "y": 1}} for at in range(first, first + 10_001)]}
                for first in (0, 10_001)
            ],
        },
        "segments",
    ),
    ("a named mask set", masks() | {"name": "oil"}, "name"),
    ("a mask set with an id", masks() | {"schemaId": "c" * 25}, "schemaId"),
    ("answers under masks", masks() | {"classifications": []}, "classifications"),
    ("no frames", masks(frames=[]), "masks.frames"),
    ("no instances", masks(instances=[]), "masks.instances"),
    ("two images of a frame", masks(frames=[{"index": 1, "instanceURI": URI, "imBytes": PNG}]), "masks.frames[0]"),
    ("an image that is none", masks(frames=[{"index": 1, "imBytes": "AAAA"}]), "masks.frames[0].imBytes"),
    ("a local path", masks(frames=[{"index": 1, "instanceURI": "/tmp/1.png"}]), "masks.frames[0].instanceURI"),
    ("black", masks(instances=[{"colorRGB": [0, 0, 0], "name": "oil"}]), "masks.instances[0].colorRGB"),
    ("a colour twice", masks(instances=MASKS["instances"] * 2), "masks.instances[1].colorRGB"),
    (
        "schemaId of an instance",
        masks(instances=[{"colorRGB": [1, 1, 1], "name": "o", "schemaId": "c" * 25}]),
        "masks.instances[0].schemaId",
    ),
    ("an option without frames", timed(DAY, {"name": "night"}), "answer[1].frames"),
    ("frames twice", timed(DAY, frames=[RANGE]), "answer[0].frames"),
    ("an empty list of ranges", timed({"name": "day", "frames": []}), "answer[0].frames"),
    (
        "a range that ends before it starts",
        timed({"name": "day", "frames": [{"start": 2, "end": 1}]}),
        "answer[0].frames[0].end",
    ),
    ("the same beside the answer", timed({"name": "day"}, frames=[{"start": 2, "end": 1}]), "frames[0].end"),
    (
        "a negative millisecond",
        timed({"name": "day", "frames": [{"start": -5, "end": 1}]}),
        "answer[0].frames[0].start",
    ),
    ("a range of a pair", timed({"name": "day", "frames": [[1, 2]]}), "answer[0].frames[0]"),
    ("text and option", timed(DAY | {"value": "x"}), "answer[0]"),
    ("texts and options", timed(DAY, {"value": "x", "frames": [RANGE]}), "answer[1]"),
    ("an option twice", timed(DAY, DAY), "answer[1]"),
    (
        "a nested range outside",
        timed(
            DAY | {"classifications": [{"name": "c", "answer": [{"name": "o", "frames": [{"start": 0, "end": 1}]}]}]}
        ),
        "answer[0].classifications[0].answer[0].frames[0]",
    ),
    (
        "nested without an answer",
        timed(DAY | {"classifications": [{"name": "c"}]}),
        "answer[0].classifications[0].answer",
    ),
    ("far too deep", deep(25), "answer[0].classifications[0]"),
    (
        "frames of a message",
        {"name": "t", "answer": {"name": "calm", "frames": [RANGE]}, "messageId": "m"},
        "messageId",
    ),
    ("a wrong slice direction", {"masks": MASKS, "groupKey": "top"}, "groupKey"),
    ("a group of boxes", keyframes({"frame": 1, "bbox": BOX}) | {"groupKey": "axial"}, "groupKey"),
    ("no height at all", {"name": "b", "bbox": BOX | {"height": 0}}, "bbox.height"),
    ("a negative width", {"name": "b", "bbox": BOX | {"height": -1, "width": -1}}, "bbox.width"),
    ("an unknown format", task("message-choice", **REPLY), "messageEvaluationTask.format"),
    ("data of another format", task("message-ranking", **REPLY), "messageEvaluationTask.data"),
    ("half a selection", task("message-single-selection", messageId="r"), "messageEvaluationTask.data"),
    (
        "a ranking with a gap",
        task("message-ranking", rankedMessages=[REPLY | {"order": 1}, REPLY | {"order": 3}]),
        "messageEvaluationTask.data.rankedMessages",
    ),
    (
        "a ranking from 0",
        task("message-ranking", rankedMessages=[REPLY | {"order": 0}]),
        "messageEvaluationTask.data.rankedMessages[0].order",
    ),
]


@pytest.mark.parametrize(("annotation", "path"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_mistake_is_refused_with_its_place(annotation: dict[str, Any], path: str) -> None:
    with pytest.raises(MessageError) as refusal:
        prepare({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [annotation]})

    assert refusal.value.reason is (
        Reason.TOO_DEEP if path == "answer[0].classifications[0]" else Reason.INVALID_ANNOTATION
    )
    assert refusal.value.path.startswith(f"annotations[0].{path}")
    assert refusal.value.expected
    assert len(str(refusal.value)) < 1000


def test_mistakes_in_python_are_refused_where_they_are_made() -> None:
    with pytest.raises(InvalidAnnotation, match="a last character not before start"):
        TextEntity("ship", start=4, end=3)
    with pytest.raises(InvalidAnnotation, match="no name"):
        VideoMasks(name="oil", frames=FRAMES, instances=INSTANCES)


def test_a_refusal_of_another_kind_s_key_names_the_keys_of_this_one() -> None:
    with pytest.raises(MessageError) as refusal:
        prepare({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [ENTITY | {"mesageId": "m"}]})

    assert refusal.value.path == "annotations[0].mesageId"
    with pytest.raises(MessageError) as refusal:
        prepare({"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [{"name": "x", "locaton": {}}]})

    assert refusal.value.hint == "did you mean location?"


@pytest.mark.parametrize("mark", ["true", 1, [True]])
def test_a_benchmark_mark_is_true_or_false(mark: Any) -> None:
    marked = ENTITY | {"isBenchmarkReferenceLabel": mark}
    with pytest.raises(MessageError) as refusal:
        prepare({"projectId": "p", "dataRow": {"id": "a"}, "annotations": [marked]})

    assert refusal.value.path == "annotations[0].isBenchmarkReferenceLabel"
