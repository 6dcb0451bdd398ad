"""Forms that docs/reference/labelbox-format.md#7 leaves open are accepted, and refused if `strictFormat` is set."""

from typing import Any

import pytest

from tests.support.sandbox.cars import car
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.process import SandboxProcess

BOXES = [{"frame": frame, "bbox": {"top": 1, "left": 1, "height": 1, "width": 1}} for frame in (0, 4, 9)]
FOAM = [{"colorRGB": [1, 2, 3], "name": "foam"}]
VOICES = [
    {"name": "pilot", "frames": [{"start": 0, "end": 9}]},
    {"name": "tower", "frames": [{"start": 10, "end": 20}]},
]
WHITE = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAAAAACRn/EaAAAAEklEQVR42mNgYGBgYGD4D6EYAAgHAQCLaPnJAAAAAElFTkSuQmCC"

OPEN = {
    "7.6 frame 0 of an object": ("VIDEO", example("VOBJ-1", segments=[{"keyframes": BOXES[:1]}])),
    "7.6 frame 0 of an answer": (
        "VIDEO",
        example("VCLS-1", answer={"name": "day", "frames": [{"start": 0, "end": 4}]}),
    ),
    "7.7 a list under a radio": ("IMAGE", example("RADIO-1", answer=[{"name": "clear"}])),
    "7.7 an object under a checklist": ("IMAGE", example("CHECK-1", answer={"name": "red"})),
    "7.7 an object under a nested checklist": (
        "IMAGE",
        example("BBOX-1", classifications=[{"name": "deck load", "answer": {"name": "crates"}}]),
    ),
    "7.8 a radio that changes": ("AUDIO", example("TEMP-1", answer=VOICES)),
    "7.9 a message's answer to a global feature": ("CONVERSATIONAL", example("MSG-2", 2, messageId="m-3")),
    "7.9 a global answer to a message's feature": ("CONVERSATIONAL", example("MSG-1", messageId=None)),
    "7.9 frames for a global feature": ("VIDEO", example("RADIO-1", frames=[{"start": 1, "end": 2}])),
    "7.9 a global answer to a frame's feature": ("VIDEO", example("VCLS-1", answer={"name": "day"})),
    "7.9 a global answer to a temporal feature": ("AUDIO", example("TEMP-1", answer={"name": "tower"})),
    "7.10 a uuid beside timed text": ("VIDEO", example("VCLS-2", 2)),
    "7.10 a uuid beside a temporal answer": ("AUDIO", example("TEMP-1", uuid="5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e2009")),
    "7.10 a temporal answer by id": ("AUDIO", example("TEMP-1", name=None, schemaId="c01e604202403ed1f5178c965")),
    "7.10 a temporal answer by data row id": ("AUDIO", example("TEMP-1", dataRow={"id": "c1"})),
    "7.13 tasks where nothing says that it is a chat": ("CONVERSATIONAL", example("MMC-1")),
    "7.14 confidence of a parent only": (
        "IMAGE",
        example("NEST-1", answer={**example("NEST-1")["answer"], "confidence": 0.5}),
    ),
    "7.14 confidence of an object only": ("IMAGE", example("NEST-2", confidence=0.5)),
    "7.15 255 for 1 in a binary mask": ("IMAGE", example("MASK-1", mask={"png": WHITE})),
    "7.19 masks of frames by the older mask tool": (
        "VIDEO",
        example("VMASK-1", masks={**example("VMASK-1")["masks"], "instances": FOAM}),
    ),
    "7.18 an id as the client misspells it": (
        "IMAGE",
        example("RADIO-1", answer={"schema_id": "cce177a723df88bfb1c3537ef"}),
    ),
    "7.18 metrics as the client misspells them": (
        "IMAGE",
        example("RADIO-1", answer={"name": "clear", "custom_metrics": [{"name": "iou", "value": 0.5}]}),
    ),
    "1.7 a benchmark mark on a pre-label": ("IMAGE", example("BBOX-1", isBenchmarkReferenceLabel=True)),
    "7.8 a radio that changes on video": (
        "VIDEO",
        example(
            "VCLS-1",
            answer=[
                {"name": "day", "frames": [{"start": 1, "end": 5}]},
                {"name": "night", "frames": [{"start": 6, "end": 9}]},
            ],
        ),
    ),
    "7.20 classifications under a text": ("IMAGE", example("TEXT-1", classifications=[])),
    "1.5 a document entity by id": ("PDF", example("DENT-1", name=None, schemaId="cdbd40a1fc153d08de02c19e3")),
    "2.16 segments that overlap": (
        "VIDEO",
        example("VOBJ-1", segments=[{"keyframes": BOXES[1:]}, {"keyframes": BOXES[1:2]}]),
    ),
}


@pytest.mark.parametrize(("media", "line"), OPEN.values(), ids=OPEN)
def test_forms_whose_acceptance_is_unknown_are_accepted_unless_strict(
    sandbox: SandboxProcess, project: str, media: str, line: dict[str, Any]
) -> None:
    sandbox.project(project, HARBOUR, mediaType=media)
    (lenient,) = sandbox.statuses(project, "lenient", [line])
    sandbox.control("POST", "/settings", {"strictFormat": True})
    (strict,) = sandbox.statuses(project, "strict", [line])
    assert (lenient["status"], strict["status"]) == ("SUCCESS", "FAILURE"), (lenient, strict)
    assert strict["errors"][0]["name"] in ("ValidationError", "InvalidAnnotation")


def test_a_uuid_that_stands_twice_in_an_import_is_taken_unless_strict(sandbox: SandboxProcess, project: str) -> None:
    lines = [car(1, "a"), car(1, "b"), car(2, "a")]
    assert [each["status"] for each in sandbox.statuses(project, "lenient", lines)] == ["SUCCESS"] * 3
    sandbox.control("POST", "/settings", {"strictFormat": True})
    statuses = sandbox.statuses(project, "strict", lines)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE", "SUCCESS"]


def test_confidence_of_all_nodes_is_taken_when_strict(sandbox: SandboxProcess, project: str) -> None:
    nested = [{"name": "fog density", "answer": {"name": "light", "confidence": 0.4}}]
    answer = {"name": "fog", "confidence": 0.5, "classifications": nested}
    sandbox.control("POST", "/settings", {"strictFormat": True})
    sandbox.project(project, HARBOUR)
    (status,) = sandbox.statuses(project, "a", [example("NEST-1", answer=answer)])
    assert status["status"] == "SUCCESS"


def test_a_colour_under_two_tools_is_taken_unless_strict(sandbox: SandboxProcess, project: str) -> None:
    tools = [{"tool": "raster-segmentation", "name": name} for name in ("film", "foam")]
    sandbox.project(project, {"tools": tools}, mediaType="VIDEO")
    instances = [{"colorRGB": [1, 2, 3], "name": name} for name in ("film", "foam")]
    line = example("VMASK-1", masks={**example("VMASK-1")["masks"], "instances": instances})
    assert sandbox.statuses(project, "lenient", [line])[0]["status"] == "SUCCESS"
    sandbox.control("POST", "/settings", {"strictFormat": True})
    assert "color" in sandbox.statuses(project, "strict", [line])[0]["errors"][0]["message"]
