"""Values that only look right, and empty ones that are: addresses, pictures, empty answers, the SDK's odd keys."""

import base64
import json
from typing import Any

import orjson
import pytest

from prelabel import MessageError, Reason
from prelabel.annotations.address import is_address
from prelabel.annotations.png import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA, PictureWork, read_png
from prelabel.validation.gate import prepare, read_message
from tests.support.lines import BUILDERS
from tests.support.values import (
    ADDRESSES,
    BLACK,
    COMPOSITES,
    LIT,
    METRICS,
    NOT_ADDRESSES,
    RED_BLACK,
    frames,
    png,
)

LINE = {"line": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}


def message(*annotations: dict[str, Any]) -> bytes:
    return orjson.dumps({"projectId": "harbour", "dataRow": {"globalKey": "a"}, "annotations": annotations})


def sent(media: str, annotation: dict[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(BUILDERS[media].build(message(annotation)).lines)
    return {key: value for key, value in line.items() if key not in ("dataRow", "uuid")}


def refusal(annotation: dict[str, Any]) -> MessageError:
    with pytest.raises(MessageError) as caught:
        read_message(message(annotation))
    return caught.value


# -- addresses ---------------------------------------------------------------------------------------------------------


def masks(uri: str, **more: Any) -> dict[str, Any]:
    instances = [{"colorRGB": [1, 2, 3], "name": "oil film"}]
    return {"masks": {"frames": [{"index": 1, "instanceURI": uri}], "instances": instances}, **more}


def mask(uri: str) -> dict[str, Any]:
    return {"name": "oil film", "mask": {"instanceURI": uri, "colorRGB": [1, 2, 3]}}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_has_a_host_and_any_case_of_its_scheme(address: str) -> None:
    assert sent("IMAGE", mask(address)) == mask(address)
    assert sent("VIDEO", masks(address)) == masks(address)
    assert sent("DICOM", masks(address, groupKey="axial")) == masks(address, groupKey="axial")


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_an_address_without_a_host_or_of_another_scheme_is_refused(text: str) -> None:
    assert not is_address(text)
    for annotation, path in ((mask(text), "mask"), (masks(text), "masks.frames[0]")):
        error = refusal(annotation)
        assert (error.path, error.expected) == (f"annotations[0].{path}.instanceURI", "an http(s) address with a host")


# -- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", BLACK.values(), ids=BLACK)
def test_a_binary_mask_without_a_pixel_is_refused(image: str) -> None:
    error = refusal({"name": "oil film", "mask": {"png": image}})

    assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, "annotations[0].mask.png")
    assert "empty mask" in error.expected


@pytest.mark.parametrize("image", LIT.values(), ids=LIT)
def test_one_pixel_is_a_mask(image: str) -> None:
    assert sent("IMAGE", {"name": "oil film", "mask": {"png": image}})["mask"] == {"png": image}


@pytest.mark.parametrize(("image", "inside", "outside"), COMPOSITES.values(), ids=COMPOSITES)
def test_a_colour_is_looked_for_in_every_form_of_composite(image: str, inside: list[int], outside: list[int]) -> None:
    found = {"name": "oil film", "mask": {"imBytes": image, "colorRGB": inside}}

    assert sent("IMAGE", found) == found
    assert (
        refusal({"name": "oil film", "mask": {"imBytes": image, "colorRGB": outside}}).path
        == "annotations[0].mask.imBytes"
    )


@pytest.mark.parametrize(
    "image",
    [
        BLACK["gray"],
        png([bytes(6)], RGB),
        png([bytes([0, 0, 0, 255])], RGBA),
        png([bytes([0, 9])], GRAY_ALPHA),
        png([bytes(2)], GRAY, 16),
        png([bytes(2)], PALETTE, palette=RED_BLACK),
    ],
)
def test_masks_of_black_frames_alone_are_refused(image: str) -> None:
    assert refusal(frames(image, image)).path == "annotations[0].masks.frames"
    assert refusal(frames(image) | {"groupKey": "axial"}).path == "annotations[0].masks.frames"
    assert sent("VIDEO", frames(image, COMPOSITES["rgb"][0]))


def test_a_frame_by_address_may_be_beside_a_black_one() -> None:
    both = frames(BLACK["gray"])
    both["masks"]["frames"].append({"index": 9, "instanceURI": ADDRESSES[0]})

    assert sent("VIDEO", both) == both


def test_bits_after_the_last_pixel_of_a_row_do_not_count() -> None:
    image = read_png(base64.b64decode(png([b"\x00"], GRAY, 1)))
    narrow = type(image)(3, 1, 1, GRAY, (b"\x1f",))

    assert (image.has_value(), narrow.has_value()) == (False, False)
    assert type(image)(3, 1, 1, GRAY, (b"\x20",)).has_value()


def test_a_picture_beyond_the_work_of_a_message_is_left_to_labelbox() -> None:
    image = read_png(base64.b64decode(BLACK["gray"]), PictureWork(1))

    assert (image.has_value(), image.has_light(), image.has_color((1, 1, 1))) == (None, None, None)


# -- empty answers, and keys of the SDK --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "annotation"),
    [
        ("IMAGE", {"name": "remark", "answer": ""}),
        ("IMAGE", {"name": "flags", "answer": []}),
        ("CONVERSATIONAL", {"name": "message note", "answer": "", "messageId": "m"}),
        ("VIDEO", {"name": "frame note", "answer": [{"value": "", "frames": [{"start": 1, "end": 2}]}]}),
        ("VIDEO", {"name": "events", "answer": [], "frames": [{"start": 1, "end": 1}]}),
        (
            "CONVERSATIONAL",
            {
                "name": "usable replies",
                "messageEvaluationTask": {
                    "format": "message-multi-selection",
                    "data": {"parentMessageId": "p", "selectedMessages": []},
                },
            },
        ),
    ],
)
def test_an_empty_answer_is_sent_as_it_is(media: str, annotation: dict[str, Any]) -> None:
    assert sent(media, annotation) == annotation


def test_an_empty_checklist_in_its_old_spelling_is_written_anew() -> None:
    assert sent("IMAGE", {"name": "flags", "answers": []}) == {"name": "flags", "answer": []}


@pytest.mark.parametrize("answer", [[], [{"name": "red"}], [{"name": "red"}, {"name": "green"}]])
def test_an_empty_list_beside_an_answer_means_nothing(answer: list[Any]) -> None:
    given = {"name": "flags", "answer": answer}

    assert sent("IMAGE", given | {"classifications": []}) == given


def test_empty_lists_on_volumes_are_left_out() -> None:
    segments = [{"keyframes": [{"frame": 2, **LINE, "classifications": []}]}]
    given = {"name": "mooring rope", "groupKey": "axial", "classifications": [], "segments": segments}

    assert sent("DICOM", given) == {
        "name": "mooring rope",
        "groupKey": "axial",
        "segments": [{"keyframes": [{"frame": 2, **LINE}]}],
    }


@pytest.mark.parametrize("place", ["classifications", "segments[0].keyframes[0].classifications"])
def test_answers_below_a_line_of_a_volume_are_refused(place: str) -> None:
    answers = [{"name": "c", "answer": "x"}]
    below = {"classifications": answers}
    keyframe = {"frame": 2, **LINE, **({} if place == "classifications" else below)}
    given = {"name": "r", "groupKey": "axial", "segments": [{"keyframes": [keyframe]}]}

    assert refusal(given | (below if place == "classifications" else {})).path == f"annotations[0].{place}"


@pytest.mark.parametrize(
    ("media", "annotation", "wanted"),
    [
        (
            "IMAGE",
            {
                "name": "weather",
                "answer": {
                    "name": "fog",
                    "classifications": [
                        {
                            "custom_metrics": METRICS,
                            "name": "fog density",
                            "answer": {"custom_metrics": METRICS, "confidence": 0.4, "name": "light"},
                        }
                    ],
                },
            },
            {
                "name": "weather",
                "answer": {"name": "fog", "classifications": [{"name": "fog density", "answer": {"name": "light"}}]},
            },
        ),
        (
            "VIDEO",
            {
                "name": "events",
                "answer": [
                    {
                        "name": "splash",
                        "classifications": [
                            {
                                "name": "splash size",
                                "custom_metrics": METRICS,
                                "answer": {"name": "small", "custom_metrics": METRICS},
                            }
                        ],
                    }
                ],
                "frames": [{"start": 1, "end": 2}],
            },
            {
                "name": "events",
                "answer": [
                    {"name": "splash", "classifications": [{"name": "splash size", "answer": {"name": "small"}}]}
                ],
                "frames": [{"start": 1, "end": 2}],
            },
        ),
        (
            "AUDIO",
            {
                "name": "transcript",
                "answer": [{"value": "x", "custom_metrics": METRICS, "frames": [{"start": 1, "end": 2}]}],
            },
            {"name": "transcript", "answer": [{"value": "x", "frames": [{"start": 1, "end": 2}]}]},
        ),
    ],
)
def test_metrics_in_the_sdk_s_spelling_are_left_out_as_others_are(
    media: str, annotation: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert sent(media, annotation) == wanted
    raw = prepare({"projectId": "p", "dataRow": {"id": "a"}, "annotations": [annotation]}).raw
    assert json.loads(raw)["annotations"]


def test_metrics_in_both_spellings_are_refused() -> None:
    option = {"name": "fog", "custom_metrics": METRICS, "customMetrics": METRICS}

    assert refusal({"name": "weather", "answer": option}).path == "annotations[0].answer.custom_metrics"
    assert refusal({"name": "weather", "answer": {"name": "fog", "custom_metrics": [{"name": "iou"}]}}).path == (
        "annotations[0].answer.custom_metrics[0].value"
    )


@pytest.mark.parametrize("key", ["answer", "answers"])
def test_a_text_with_times_stands_in_an_array_under_answer(key: str) -> None:
    text = {"value": "x", "frames": [{"start": 1, "end": 2}]}
    error = refusal({"name": "frame note", key: text if key == "answer" else [text]})

    assert error.path == ("annotations[0].answer.value" if key == "answer" else "annotations[0].answer[0].value")


# -- replies -----------------------------------------------------------------------------------------------------------


def replies(form: str, key: str, *messages: str) -> dict[str, Any]:
    listed = [{"messageId": message, "modelConfigName": "m"} for message in messages]
    if key == "rankedMessages":
        listed = [reply | {"order": at} for at, reply in enumerate(listed, 1)]  # type: ignore[dict-item]
    data = listed[0] if key == "messageId" else {key: listed}
    return {"name": "e", "messageEvaluationTask": {"format": form, "data": {"parentMessageId": "q", **data}}}


@pytest.mark.parametrize(
    ("form", "key", "messages", "path"),
    [
        ("message-multi-selection", "selectedMessages", ("r", "s", "r"), "selectedMessages[2].messageId"),
        ("message-ranking", "rankedMessages", ("r", "r"), "rankedMessages[1].messageId"),
        ("message-ranking", "rankedMessages", ("r", "q"), "rankedMessages[1].messageId"),
        ("message-single-selection", "messageId", ("q",), "messageId"),
    ],
)
def test_a_reply_is_chosen_once_and_is_not_the_message_it_replies_to(
    form: str, key: str, messages: tuple[str, ...], path: str
) -> None:
    error = refusal(replies(form, key, *messages))

    assert (error.reason, error.path) == (
        Reason.INVALID_ANNOTATION,
        f"annotations[0].messageEvaluationTask.data.{path}",
    )
