"""What the SDK's converter melts together, drops, lets through or fails on, and what becomes of it here."""

import asyncio
import json
import math
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

import numpy
from labelbox import types as lb
from labelbox.data.serialization import NDJsonConverter

from prelabel import GlobalKey, InvalidAnnotation, MessageError, Model, Reason
from prelabel.sdk import message_of
from prelabel.testing import async_recording_publisher, recording_publisher
from prelabel.validation.gate import prepare
from tests.support.sdk_labels import (
    BOLLARD,
    FIRST,
    IDS,
    array_mask,
    box,
    by_id,
    checklist,
    label,
    link,
    point,
    question,
    radio,
    said,
    seen,
    text,
    thing,
    times,
    when,
)


def annotations(*found: Any, **more: Any) -> list[dict[str, Any]]:
    message = message_of(label(*found), project_id="cm1", **more)
    prepare(message)
    converted: list[dict[str, Any]] = message["annotations"]
    return converted


def refusal(*found: Any, **data: str) -> MessageError:
    with pytest.raises(MessageError) as caught:
        prepare(label(*found, **data), project_id="cm1")
    return caught.value


def frames_of(annotation: dict[str, Any]) -> list[list[int]]:
    return [[keyframe["frame"] for keyframe in segment["keyframes"]] for segment in annotation["segments"]]


# -- objects of a video ------------------------------------------------------------------------------------------------


def test_two_instances_of_a_feature_stay_two() -> None:
    one = [seen(frame, extra={"instance": 7}) for frame in (1, 2, 3)]
    other = [seen(frame, box(500), extra={"instance": 8}) for frame in (2, 3, 4)]

    tracks = annotations(*one, *other)

    assert [frames_of(each) for each in tracks] == [[[1, 2, 3]], [[2, 3, 4]]]
    assert not any("uuid" in each for each in tracks)
    assert len(list(NDJsonConverter.serialize([label(*one, *other)]))) == 1  # melted


def test_the_uuid_tells_instances_apart_too_and_is_kept() -> None:
    tracks = annotations(seen(1, extra={"uuid": FIRST}), seen(1, box(500)))

    assert [each.get("uuid") for each in tracks] == [FIRST, None]


def test_instances_that_nothing_tells_apart_are_refused() -> None:
    error = refusal(seen(1), seen(1, box(500)))

    assert error.path == "annotations[1].frame"
    assert "extra['instance']" in error.expected


def test_labels_of_one_data_row_are_one_message_with_their_instances_apart() -> None:
    message = message_of(label(seen(1)), label(seen(1, box(500))), project_id="cm1")

    assert len(message["annotations"]) == 2
    prepare(message)


def test_labels_of_two_data_rows_are_refused() -> None:
    with pytest.raises(MessageError, match="expected labels of one data row, found a and b"):
        message_of(label(seen(1)), label(seen(1), global_key="b"), project_id="cm1")


def test_frames_in_any_order_make_ascending_keyframes() -> None:
    assert frames_of(annotations(seen(3), seen(1), seen(2))[0]) == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ([seen(1, lb.Polygon(points=[point(), point(5, 5), point(9, 1)]))], "annotations[0]"),
        ([seen(1, keyframe=False)], "annotations[0]"),
        ([seen(1, segment_index=0), seen(2)], "annotations[1].segment_index"),
        ([seen(1, segment_index=1), seen(2, segment_index=0)], "annotations[1].segment_index"),
        ([said(1, radio("light", "day")), said(1, radio("light", "night"))], "annotations[1].frame"),
        ([said(1, radio("light", "day")), said(2, text("light", "night"))], "annotations[0]"),
    ],
)
def test_annotations_that_video_does_not_accept_are_refused_with_their_path(found: list[Any], path: str) -> None:
    assert refusal(*found).path == path


# -- answers about frames ----------------------------------------------------------------------------------------------


def test_a_radio_that_changes_is_one_line_for_each_option() -> None:
    days = [said(frame, radio("light", "day" if frame < 5 or frame > 7 else "night")) for frame in range(1, 10)]

    assert [each["answer"] for each in annotations(*days)] == [
        {"name": "day", "frames": [{"start": 1, "end": 4}, {"start": 8, "end": 9}]},
        {"name": "night", "frames": [{"start": 5, "end": 7}]},
    ]


def test_within_a_segment_an_answer_holds_until_another_is_given() -> None:
    days = [
        said(frame, radio("light", option), segment_index=segment)
        for frame, option, segment in ((1, "day", 0), (50, "day", 0), (60, "night", 0), (70, "day", 0), (90, "day", 1))
    ]

    assert [each["answer"]["frames"] for each in annotations(*days)] == [
        [{"start": 1, "end": 50}, {"start": 70, "end": 70}, {"start": 90, "end": 90}],
        [{"start": 60, "end": 60}],
    ]


def test_options_of_a_checklist_have_their_own_frames() -> None:
    events = [said(1, checklist("events", "horn")), said(2, checklist("events", "horn", "splash"))]

    assert annotations(*events)[0]["answer"] == [
        {"name": "horn", "frames": [{"start": 1, "end": 2}]},
        {"name": "splash", "frames": [{"start": 2, "end": 2}]},
    ]


def test_a_checklist_that_no_frame_has_an_option_of_is_one_line_with_its_frames() -> None:
    nothing = [
        lb.VideoClassificationAnnotation(name="events", frame=at, value=lb.Checklist(answer=[])) for at in (1, 2, 7)
    ]
    ranges = [{"start": 1, "end": 2}, {"start": 7, "end": 7}]

    (sent,) = message_of(label(*nothing), project_id="p")["annotations"]
    assert (sent["answer"], sent["frames"]) == ([], ranges)


@pytest.mark.parametrize(
    "made",
    [lb.TemporalClassificationQuestion(name="noise", value=[]), lb.TemporalClassificationText(name="x", value=[])],
)
def test_a_temporal_answer_without_a_time_is_refused_and_not_dropped(made: Any) -> None:
    with pytest.raises(InvalidAnnotation) as refusal:
        message_of(label(made), project_id="p")

    assert refusal.value.path == "annotations[0].value"


def test_the_mark_of_a_benchmark_is_on_each_of_its_annotations() -> None:
    made = lb.Label(data={"global_key": "a"}, annotations=[thing("bollard", point())], is_benchmark_reference=True)

    (marked,) = message_of(made, project_id="p")["annotations"]
    assert marked["isBenchmarkReferenceLabel"] is True
    (plain,) = message_of(label(thing("bollard", point())), project_id="p")["annotations"]
    assert "isBenchmarkReferenceLabel" not in plain


def test_an_option_whose_nested_answer_changes_continues_in_another_line() -> None:
    def splash(frame: int, size: str) -> Any:
        option = lb.ClassificationAnswer(name="splash", classifications=[radio("splash size", size)])
        return said(frame, checklist("events", option), extra={"uuid": FIRST})

    lines = annotations(splash(1, "small"), splash(2, "large"))

    assert [line["answer"][0]["frames"][0]["start"] for line in lines] == [1, 2]
    assert [line.get("uuid") for line in lines] == [FIRST, None]


def test_confidence_of_frames_does_not_split_an_answer() -> None:
    def day(frame: int) -> Any:
        answer = lb.ClassificationAnswer(name="day", confidence=frame / 10)
        return lb.VideoClassificationAnnotation(name="light", value=lb.Radio(answer=answer), frame=frame)

    assert annotations(day(1), day(2))[0]["answer"] == {"name": "day", "frames": [{"start": 1, "end": 2}]}


# -- answers about milliseconds ----------------------------------------------------------------------------------------


def test_timed_answers_take_a_data_row_id() -> None:
    made = label(times("transcript", (0, 9, "a")), uid="cmh2k4t8x00a107l5e1v9q3zr")

    assert message_of(made, project_id="cm1")["dataRow"] == {"id": "cmh2k4t8x00a107l5e1v9q3zr"}
    with pytest.raises(Exception, match="dataRow"):
        list(NDJsonConverter.serialize([made]))


def test_nested_answers_are_divided_among_the_texts_whose_ranges_they_are_in() -> None:
    notes = times("note", (0, 5, "polite"), (20, 25, "curt"))
    made = times("transcript", (0, 9, "Hello."), (20, 29, "Bye."), below=[notes])

    assert annotations(made)[0]["answer"] == [
        {
            "value": word,
            "frames": [{"start": start, "end": start + 9}],
            "classifications": [
                {"name": "note", "answer": [{"value": note, "frames": [{"start": start, "end": start + 5}]}]}
            ],
        }
        for word, note, start in (("Hello.", "polite", 0), ("Bye.", "curt", 20))
    ]


def test_options_below_texts_are_divided_too() -> None:
    moods = question("mood", when("hurried", (0, 5), (20, 25)), when("calm", (22, 23)))
    made = times("transcript", (0, 9, "Hello."), (20, 29, "Bye."), below=[moods])

    found = [each["classifications"][0]["answer"] for each in annotations(made)[0]["answer"]]

    assert found == [
        [{"name": "hurried", "frames": [{"start": 0, "end": 5}]}],
        [
            {"name": "hurried", "frames": [{"start": 20, "end": 25}]},
            {"name": "calm", "frames": [{"start": 22, "end": 23}]},
        ],
    ]
    (line,) = NDJsonConverter.serialize([label(made)])
    assert [each["classifications"][0]["answer"] for each in line["answer"]] == found


@pytest.mark.parametrize(
    "made",
    [
        question("speaker", when("pilot", (10, 20), below=[question("mood", when("hurried", (15, 21)))])),
        times("transcript", (10, 20, "a"), below=[times("note", (5, 12, "b"))]),
        times("transcript", (0, 20, "a"), below=[times("note", (5, 12, "b"), below=[times("n", (4, 6, "c"))])]),
    ],
)
def test_a_nested_range_outside_its_parent_is_refused_and_not_dropped(made: Any) -> None:
    error = refusal(made)

    assert error.expected.startswith("a range within the parent's")
    assert ".classifications[0]" in error.path


# -- masks, numbers, names ---------------------------------------------------------------------------------------------


def test_a_gray_value_is_a_colour_for_a_mask_by_address() -> None:
    mask = thing("foam", lb.Mask(mask=lb.MaskData(url="https://m.example/1.png"), color=3))

    assert annotations(mask)[0]["mask"] == {"instanceURI": "https://m.example/1.png", "colorRGB": [3, 3, 3]}


def test_a_video_mask_can_be_converted_twice_and_after_the_sdk() -> None:
    frames = [lb.MaskFrame(index=1, im_bytes=array_mask().np_to_bytes(array_mask().arr))]
    made = lb.VideoMaskAnnotation(frames=frames, instances=[lb.MaskInstance(color_rgb=(0, 120, 255), name="oil film")])

    first, again = annotations(made), annotations(made)
    with pytest.warns(UserWarning, match="serializer"):
        list(NDJsonConverter.serialize([label(made)]))

    assert first == again == annotations(made)


EMPTY = lb.Mask(mask=lb.MaskData.from_2D_arr(numpy.zeros((3, 4), dtype="uint8")), color=1)


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (thing("bollard", point(math.nan)), "annotations[0].point.x"),
        (thing("vessel", lb.Rectangle(start=point(math.inf), end=point())), "annotations[0].bbox.x"),
        (thing("quay", lb.Polygon(points=[point(), point(math.nan), point(3)])), "annotations[0].polygon[1].x"),
        (thing("", point()), "annotations[0].name"),
        (thing("bollard", point(), extra={"uuid": "vessel-1"}), "annotations[0].uuid"),
        (thing("ship name", lb.TextEntity(start=-3, end=4)), "annotations[0].location.start"),
        (thing("oil film", EMPTY), "annotations[0].mask"),
        (lb.ScalarMetric(metric_name="quality", value=0.5), "annotations[0]"),
    ],
)
def test_annotations_that_the_sdk_accepts_wrongly_are_refused_with_their_path(made: Any, path: str) -> None:
    assert refusal(made).path == path


def test_ids_below_options_are_spelt_as_the_server_reads_them() -> None:
    nested = lb.ClassificationAnnotation(feature_schema_id="c" * 25, value=lb.Checklist(answer=[by_id("fog")]))

    below = annotations(radio("weather", "fog", nested))[0]["answer"]["classifications"]

    assert below == [{"schemaId": "c" * 25, "answer": [{"schemaId": IDS["fog"]}]}]


def test_classifications_beside_an_option_are_not_forgotten() -> None:
    below = [radio("fog density", "light")]
    made = lb.ClassificationAnnotation(
        name="weather", value=lb.Radio(answer=lb.ClassificationAnswer(name="fog")), classifications=below
    )

    (sent,) = json.loads(prepare(label(made), project_id="cm1").raw)["annotations"]

    assert sent["answer"]["classifications"] == [{"name": "fog density", "answer": {"name": "light"}}]
    flags = checklist("flags", "red", "green")
    two = lb.ClassificationAnnotation(name="flags", value=flags.value, classifications=below)
    assert refusal(two).path == "annotations[0].classifications"
    day = lb.VideoClassificationAnnotation(name="weather", value=made.value, frame=1, classifications=below)
    assert refusal(day).path == "annotations[0].classifications"


def test_confidence_and_metrics_stay_in_the_message_even_0() -> None:
    made = thing("bollard", point(), confidence=0, custom_metrics=[{"name": "iou", "value": 0.5}])

    assert annotations(made)[0]["confidence"] == 0
    assert annotations(made)[0]["customMetrics"] == [{"name": "iou", "value": 0.5}]


# -- relationships -----------------------------------------------------------------------------------------------------


def linked() -> list[Any]:
    vessel, bollard = thing("vessel", box()), thing("bollard", point())
    return [thing("vessel", box(900)), vessel, bollard, link(vessel, bollard)]


def test_ends_without_a_uuid_get_the_same_one_each_time() -> None:
    first, again = annotations(*linked(), model="yolo"), annotations(*linked(), model="yolo")

    assert first == again
    assert first[3]["relationship"]["source"] == first[1]["uuid"]
    assert first[3]["relationship"]["target"] == first[2]["uuid"]
    assert "uuid" not in first[0]


def test_the_uuids_of_ends_differ_by_model_project_and_data_row() -> None:
    found = {
        message_of(label(*linked(), global_key=key), project_id=project, model=model)["annotations"][1]["uuid"]
        for key, project, model in (("a", "p", "m"), ("b", "p", "m"), ("a", "q", "m"), ("a", "p", "n"))
    }

    assert len(found) == 4


def test_the_uuid_of_an_end_never_changes() -> None:
    """Golden: another would add pre-labels beside those imported before."""
    message = message_of(label(*linked()), project_id="cm1", model="yolo")

    assert message["annotations"][1]["uuid"] == "2cd2c8ad-40b8-8d0a-a11d-5bca053f23e6"


def test_an_end_that_is_not_in_the_label_is_refused() -> None:
    error = refusal(BOLLARD, link(thing("vessel", box()), BOLLARD))

    assert (error.reason, error.path) == (Reason.BROKEN_RELATIONSHIP, "annotations[1].relationship.source")


# -- publishing --------------------------------------------------------------------------------------------------------


def test_a_label_is_published_like_a_message() -> None:
    with recording_publisher() as publisher:
        publisher.publish(label(BOLLARD), project_id="cm1", model=Model("yolo", "11s"))

    (message,) = publisher.assert_published("cm1", data_row=GlobalKey("a"), model="yolo", count=1)
    assert message.model == Model("yolo", "11s")


def test_a_label_is_published_with_asyncio() -> None:
    async def publish() -> None:
        async with async_recording_publisher() as publisher:
            await publisher.publish(label(BOLLARD), project_id="cm1")
        publisher.assert_published("cm1", count=1)

    asyncio.run(publish())


def test_a_subclass_of_label_is_a_label() -> None:
    class Ours(lb.Label):
        pass

    prepare(Ours(data={"global_key": "a"}, annotations=[BOLLARD]), project_id="cm1")


def test_a_label_without_a_project_is_refused() -> None:
    with pytest.raises(MessageError, match="projectId: expected project_id=… beside a label, found nothing"):
        prepare(label(BOLLARD))


@pytest.mark.parametrize("more", [{"project_id": "cm1"}, {"model": "yolo"}])
def test_arguments_that_repeat_the_fields_of_a_message_are_refused(more: dict[str, str]) -> None:
    with pytest.raises(MessageError, match="no such argument: a message contains the value itself"):
        prepare(message_of(label(BOLLARD), project_id="cm1"), **more)


def test_a_label_of_an_external_id_is_refused() -> None:
    with pytest.raises(MessageError, match="dataRow: expected a label with uid or global_key, found an external_id"):
        prepare(label(BOLLARD, external_id="a"), project_id="cm1")


def test_a_refused_label_is_not_taken() -> None:
    with recording_publisher() as publisher, pytest.raises(InvalidAnnotation):
        publisher.publish(label(BOLLARD, thing("bollard", point(math.nan))), project_id="cm1")

    publisher.assert_nothing_published()


def test_the_sdk_is_loaded_with_the_first_label_and_not_before() -> None:
    code = """
import sys
from prelabel import Publisher, PredictionMessage, Point, GlobalKey
from prelabel.validation.gate import prepare
from prelabel.testing import recording_publisher
prepare(PredictionMessage(project_id="p", data_row=GlobalKey("a"), annotations=[Point("n", x=1, y=2)]))
class Label: pass
try: prepare(Label())
except Exception: pass
print([name for name in ("labelbox", "prelabel.sdk", "prelabel.builders") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
