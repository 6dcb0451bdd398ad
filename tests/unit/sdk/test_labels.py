"""A label becomes what the SDK's own converter makes of it, except for the differences of the table."""

import base64
import warnings
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

from labelbox import types as lb
from labelbox.data.serialization import NDJsonConverter

from prelabel.annotations.png import read_png
from prelabel.gate import prepare
from tests.unit.sdk.labels import EXAMPLES, GENERATED, label, point, thing
from tests.unit.test_rows import BUILDERS

Line = dict[str, Any]


def everywhere(change: Callable[[Line], Line]) -> Callable[[Line], Line]:
    """Do it to every object of a line, from the innermost on."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change({key: changed(each) for key, each in value.items()}) if isinstance(value, dict) else value

    return changed


def without(*keys: str) -> Callable[[Line], Line]:
    return lambda line: {key: value for key, value in line.items() if key not in keys}


def no_empty_classifications(line: Line) -> Line:
    return {key: value for key, value in line.items() if key != "classifications" or value}


def spelt(line: Line) -> Line:
    return {"schemaId" if key == "schema_id" else key: value for key, value in line.items()}


def frames_in_options(line: Line) -> Line:
    if "frames" not in line or "answer" not in line:
        return line
    frames, answer = line["frames"], line["answer"]
    options = (
        [each | {"frames": frames} for each in answer] if isinstance(answer, list) else answer | {"frames": frames}
    )
    return without("frames")(line) | {"answer": options}


def pixels(line: Line) -> Line:
    if "png" not in line:
        return line
    image = read_png(base64.b64decode(line["png"]))
    return line | {"png": (image.width, image.height, image.color, image.depth, image.rows)}


def own_uuid(line: Line) -> Line:
    return line if line.get("uuid", "").startswith("5b0c9a1e") else without("uuid")(line)


DIFFERENCES: dict[str, tuple[Callable[[Line], Line], str]] = {
    "uuid": (own_uuid, "the SDK's is random at each run, so publishing again would add; ours is derived"),
    "schema_id": (everywhere(spelt), "a defect of the SDK below options; the server's word is schemaId"),
    "confidence": (
        everywhere(without("confidence", "customMetrics", "custom_metrics")),
        "MAL takes neither: kept in the message, taken off by the worker",
    ),
    "empty classifications": (everywhere(no_empty_classifications), "an empty array says nothing"),
    "frames": (frames_in_options, "form A is the documented one, and the only one for options that change"),
    "png": (everywhere(pixels), "another encoder; the pixels are the same"),
    "benchmark": (without("isBenchmarkReferenceLabel"), "ground truth, not MAL"),
}
"""What is done to the SDK's lines before they are compared, and why. The order of lines is another difference: ours is
the label's, and no reader needs one."""


def of_the_sdk(made: lb.Label) -> list[Line]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own models, about its own masks
        return [orjson.loads(orjson.dumps(line)) for line in NDJsonConverter.serialize([made])]


def sent(made: lb.Label, media: str = "IMAGE") -> list[Line]:
    """What the worker would send."""
    row = BUILDERS[media].build(prepare(made, project_id="harbour", model="yolo").raw)
    return [orjson.loads(line) for line in row.lines.splitlines() if line]


def compared(lines: list[Line]) -> list[bytes]:
    for change, _ in DIFFERENCES.values():
        lines = [change(line) for line in lines]
    return sorted(orjson.dumps(line, option=orjson.OPT_SORT_KEYS, default=bytes.hex) for line in lines)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_sent_of_a_label_is_what_the_sdk_would_send(name: str) -> None:
    media, make = EXAMPLES[name]
    made = make()

    ours = sent(made, media)

    assert compared(ours) == compared(of_the_sdk(made))


@pytest.mark.parametrize("media", GENERATED)
def test_generated_labels_are_sent_as_the_sdk_would(media: str) -> None:
    @given(GENERATED[media])
    def check(made: lb.Label) -> None:
        ours = sent(made, media)

        assert compared(ours) == compared(of_the_sdk(made))

    check()


SHOWN_BY = {
    "uuid": "box",
    "schema_id": "radio, nested by id",
    "confidence": "confidence and metrics",
    "empty classifications": "box",
    "frames": "frame answers",
    "png": "mask from an array",
    "benchmark": "benchmark",
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_sdk_still_does_what_we_do_differently(difference: str) -> None:
    """Once it no longer does, the line of the table can go."""
    made = EXAMPLES[SHOWN_BY[difference]][1]()
    change, _ = DIFFERENCES[difference]

    lines = of_the_sdk(made)

    assert [change(line) for line in lines] != lines


def test_a_label_is_left_as_it_was() -> None:
    made = label(
        lb.VideoMaskAnnotation(
            frames=[lb.MaskFrame(index=1, instance_uri="https://m.example/1.png")],
            instances=[lb.MaskInstance(color_rgb=(0, 120, 255), name="oil film")],
        )
    )

    assert sent(made, "VIDEO")[0]["masks"] == sent(made, "VIDEO")[0]["masks"] == of_the_sdk(made)[0]["masks"]


@given(st.integers(1, 5))
def test_a_label_built_anew_has_the_same_uuids(count: int) -> None:
    first, again = (label(*(thing("bollard", point(at)) for at in range(count))) for _ in range(2))

    assert [line["uuid"] for line in sent(first)] == [line["uuid"] for line in sent(again)]
    assert {line["uuid"] for line in of_the_sdk(first)}.isdisjoint(line["uuid"] for line in of_the_sdk(again))
