"""The last value that is accepted and the first that is refused, kind by kind."""

from typing import Any

import pytest

from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.process import SandboxProcess

Line = dict[str, Any]


def keyframes(*frames: int, **more: Any) -> Line:
    shown = [{"frame": frame, "point": {"x": 1, "y": 1}, **more} for frame in frames]
    return example("VOBJ-2", 1, segments=[{"keyframes": shown}])


def during(start: int, end: int) -> Line:
    return example("TEMP-1", answer=[{"name": "tower", "frames": [{"start": start, "end": end}]}])


def mood(start: int, end: int) -> Line:
    nested = [{"name": "mood", "answer": [{"name": "hurried", "frames": [{"start": start, "end": end}]}]}]
    parent = {
        "name": "pilot",
        "frames": [{"start": 10, "end": 20}, {"start": 30, "end": 40}],
        "classifications": nested,
    }
    return example("TEMP-1", answer=[parent])


def at(x: float, y: float) -> Line:
    return example("GEO-1", point={"x": x, "y": y})


def box(**sides: float) -> Line:
    return example("GEO-2", 2, bbox={"top": 89, "left": 179, "height": 1, "width": 1, **sides})


def volume(**more: Any) -> Line:
    keyframe = {"frame": 1, "line": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], **more}
    return example("DICOM-1", segments=[{"keyframes": [keyframe]}])


NESTED = [{"name": "fog density", "answer": {"name": "light"}}]

BOUNDS = {
    "the last frame": ("VIDEO", keyframes(1, 50), keyframes(1, 51)),
    "frames ascend": ("VIDEO", keyframes(1, 2), keyframes(2, 2)),
    "the last frame of masks": (
        "VIDEO",
        example("VMASK-1"),
        example(
            "VMASK-1", masks={**example("VMASK-1")["masks"], "frames": [{"index": 51, "instanceURI": "https://a"}]}
        ),
    ),
    "the last frame beside an answer": (
        "VIDEO",
        example("VCLS-2", 1, frames=[{"start": 49, "end": 50}]),
        example("VCLS-2", 1, frames=[{"start": 49, "end": 51}]),
    ),
    "a range of one": ("AUDIO", during(5, 5), during(5, 4)),
    "the end of the recording": ("AUDIO", during(0, 60_000), during(0, 60_001)),
    "inside the parent": ("AUDIO", mood(10, 20), mood(10, 21)),
    "before the parent": ("AUDIO", mood(30, 40), mood(29, 40)),
    "between the parent's ranges": ("AUDIO", mood(12, 13), mood(15, 35)),
    "the last page of a box": ("PDF", example("DBOX-1", page=7), example("DBOX-1", page=8)),
    "the first page of a box": ("PDF", example("DBOX-1", page=0), example("DBOX-1", page=-1)),
    "the last character": (
        "TEXT",
        example("ENT-1", location={"start": 99, "end": 99}),
        example("ENT-1", location={"start": 99, "end": 100}),
    ),
    "north": ("TMS_GEO", at(8, 90), at(8, 90.1)),
    "south": ("TMS_GEO", at(8, -90), at(8, -90.1)),
    "east": ("TMS_GEO", at(180, 53), at(180.1, 53)),
    "west": ("TMS_GEO", at(-180, 53), at(-180.1, 53)),
    "a box in the north": ("TMS_GEO", box(), box(height=1.1)),
    "a box in the east": ("TMS_GEO", box(height=-1), box(width=1.1)),
    "flat slices": ("DICOM", volume(classifications=[]), volume(classifications=NESTED)),
}
FACTS = {"frames": 50, "seconds": 60, "pages": 7, "characters": 100}


@pytest.mark.parametrize(("media", "last", "beyond"), BOUNDS.values(), ids=BOUNDS)
def test_the_last_value_within_a_bound_is_accepted_and_the_next_is_refused(
    sandbox: SandboxProcess, project: str, media: str, last: Line, beyond: Line
) -> None:
    sandbox.project(project, HARBOUR, [{"globalKey": "a", **FACTS}], mediaType=media)
    lines = [{**line, "dataRow": {"globalKey": "a"}} for line in (last, beyond)]
    for line in lines:
        line.pop("uuid", None)
    statuses = sandbox.statuses(project, "a", lines)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE"], statuses
