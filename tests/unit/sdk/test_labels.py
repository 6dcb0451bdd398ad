"""A label becomes what the SDK's own converter makes of it, except for the differences of the table."""

import warnings

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

from labelbox import types as lb
from labelbox.data.serialization import NDJsonConverter

from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR
from tests.support.lines import BUILDERS
from tests.support.sdk_comparison import DIFFERENCES, Line, compared
from tests.support.sdk_labels import EXAMPLES, GENERATED, label, point, thing


def of_the_sdk(made: lb.Label) -> list[Line]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own models, about its own masks
        return [orjson.loads(orjson.dumps(line)) for line in NDJsonConverter.serialize([made])]


TRUTH = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, "IMAGE"), ground_truth=True)


def sent(made: lb.Label, media: str = "IMAGE") -> list[Line]:
    """What the worker would send, of a benchmark's label in a project of ground truth."""
    builder = TRUTH if made.is_benchmark_reference else BUILDERS[media]
    row = builder.build(prepare(made, project_id="harbour", model="yolo").raw)
    return [orjson.loads(line) for line in row.lines.splitlines() if line]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_label_is_sent_as_the_sdk_would_send_it(name: str) -> None:
    media, make = EXAMPLES[name]
    made = make()

    ours = sent(made, media)

    assert compared(ours) == compared(of_the_sdk(made))


@pytest.mark.slow
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
