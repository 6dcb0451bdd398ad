"""Each format on files of a few lines made by hand: what becomes of good records, and that bad ones are named."""

import base64
import zlib
from pathlib import Path
from typing import Any

import pytest

from prelabel.annotations.png import SIGNATURE, read_png
from prelabel.builders.pixels import _chunk
from prelabel.mapping import PredictionMapping, Target
from prelabel.readers.base import UnreadableSource
from prelabel.readers.coco_keypoints import PERSON
from prelabel.text_input import UnreadableInput
from tests.support.reading import CATEGORIES, built, classification, read, tool, write

RLE = {"size": [2, 3], "counts": [1, 2, 1, 1, 1]}
"""Columns 0 1 / 1 0 / 1 0: the rows are 0 1 1 and 1 0 0."""


def coco(folder: Path, results: list[Any], **more: Any) -> Path:
    return write(folder, "found.json", {"annotations": results, "categories": CATEGORIES, **more})


def segment(**changes: Any) -> dict[str, Any]:
    return {"image_id": 7, "category_id": 18, "segmentation": RLE, "score": 0.5} | changes


def rows_of(annotation: dict[str, Any]) -> list[list[int]]:
    rows = read_png(base64.b64decode(annotation["mask"]["png"])).rows
    assert rows is not None
    return [list(row) for row in rows]


# -- segmentation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[1, 2, 1, 1, 1], "121O0"], ids=["plain", "compressed"])
def test_run_lengths_go_down_the_columns(tmp_path: Path, counts: Any) -> None:
    path = coco(tmp_path, [segment(segmentation={"size": [2, 3], "counts": counts})])

    messages, bad = read("coco-segmentation", path)

    assert bad == []
    (annotation,) = messages[0]["annotations"]
    assert rows_of(annotation) == [[0, 1, 1], [1, 0, 0]]
    (line,) = built(messages, "IMAGE", tools=tool("raster-segmentation", "dog"))
    assert line["mask"] == annotation["mask"]


def test_a_polygon_has_the_pixels_whose_centres_are_inside(tmp_path: Path) -> None:
    images = [{"id": 7, "width": 5, "height": 3, "file_name": "7.jpg"}]
    parts = [[1, 0, 3, 0, 3, 2, 1, 2], [4, 2, 6, 2, 6, 6, 4, 6]]

    messages, bad = read("coco-segmentation", coco(tmp_path, [segment(segmentation=parts)], images=images))

    assert bad == []
    assert rows_of(messages[0]["annotations"][0]) == [[0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        (3, "expected run lengths or polygons"),
        ([[1, 2, 3, 4, 5, 6]], "give --images"),
        ({"size": [2], "counts": [6]}, "segmentation.size"),
        ({"size": [2, True], "counts": [6]}, "segmentation.size"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "at most 81000000 pixels"),
        ({"size": [2, 3], "counts": [1, 4]}, "expected 2 x 3 = 6 pixels, found 5"),
        ({"size": [2, 3], "counts": [-1, 7]}, "segmentation.counts[0]: expected 0 or more"),
        ({"size": [2, 3], "counts": [6]}, "no pixel"),
        ({"size": [2, 3], "counts": "1 2"}, "expected a character from"),
        ({"size": [2, 3], "counts": "1o"}, "an unfinished number"),
        ({"size": [2, 3]}, "size and counts"),
    ],
)
def test_an_invalid_segmentation_is_reported(tmp_path: Path, segmentation: Any, problem: str) -> None:
    path = coco(tmp_path, [segment(segmentation=segmentation), segment()])

    messages, bad = read("coco-segmentation", path)

    assert [(each.where, problem in each.problem) for each in bad] == [("found.json[0]", True)]
    assert len(messages[0]["annotations"]) == 1


@pytest.mark.parametrize("polygon", [[1, 2, 3, 4], [1, 2, 3, 4, 5, "6"], "no", [1, 2, 3, 4, 5, 6, 7]])
def test_an_invalid_polygon_is_reported(tmp_path: Path, polygon: Any) -> None:
    images = write(tmp_path, "images.json", [{"id": 7, "width": 5, "height": 3}])

    messages, bad = read("coco-segmentation", coco(tmp_path, [segment(segmentation=[polygon])]), images=images)

    assert messages == []
    assert "segmentation: expected" in bad[0].problem


# -- keypoints and captions --------------------------------------------------------------------------------------------


def test_visible_keypoints_become_points_of_their_names(tmp_path: Path) -> None:
    categories = write(tmp_path, "names.json", [{"id": 1, "name": "crane", "keypoints": ["hook", "cabin"]}])
    results = [
        {"image_id": 1, "category_id": 1, "keypoints": [3, 4.5, 2, 0, 0, 0], "score": 0.9},
        {"image_id": 1, "category_id": 1, "keypoints": [3, 4.5, 2]},
        {"image_id": 1, "category_id": 1, "keypoints": [5, 6, 1, 7, 8, 1]},
    ]

    messages, bad = read("coco-keypoints", write(tmp_path, "found.json", results), categories=categories)

    assert [each.problem for each in bad] == [
        "keypoints: expected x, y and visibility of the 2 of crane, found an array of 3 items"
    ]
    assert messages[0]["annotations"][0] == {"name": "hook", "confidence": 0.9, "point": {"x": 3, "y": 4.5}}
    lines = built(messages, "IMAGE", tools=tool("point", "hook", "cabin"))
    assert [line["name"] for line in lines] == ["hook", "hook", "cabin"]


def test_a_persons_keypoints_have_cocos_names_where_the_file_has_none(tmp_path: Path) -> None:
    result = {"image_id": 1, "category_id": 1, "keypoints": [2, 3, 1] * 17}

    messages, _ = read("coco-keypoints", coco(tmp_path, [result]))

    assert tuple(each["name"] for each in messages[0]["annotations"]) == PERSON


def test_the_first_caption_of_an_image_is_its_answer(tmp_path: Path) -> None:
    results = [
        {"image_id": 1, "caption": " A tug. "},
        {"image_id": 1, "caption": "Two tugs."},
        {"image_id": 2, "caption": " "},
        {"image_id": 3, "caption": "half \ud83d"},
    ]
    mapping = PredictionMapping({"caption": Target("remark")})

    messages, bad = read("coco-captions", write(tmp_path, "found.json", results), mapping=mapping)

    assert [each.where for each in bad] == ["found.json[1]", "found.json[2]", "found.json[3]"]
    assert "has one already" in bad[0].problem
    (line,) = built(messages, "IMAGE", classifications=[classification("text", "remark")])
    assert line["answer"] == "A tug."


# -- panoptic ----------------------------------------------------------------------------------------------------------

RED, SEA = (200, 30, 1), (7, 0, 0)
PIXELS = [[RED, RED, SEA], [(0, 0, 0), RED, SEA]]


def png(pixels: list[list[tuple[int, int, int]]], filters: list[int], *, depth: int = 8) -> bytes:
    """A PNG of RGB, each row with its filter, written without the code under test."""
    raw, above = bytearray(), [0] * 3 * len(pixels[0])
    for kind, row in zip(filters, pixels, strict=True):
        flat = [channel for pixel in row for channel in pixel]
        raw.append(kind)
        for at, value in enumerate(flat):
            left, corner = (flat[at - 3], above[at - 3]) if at > 2 else (0, 0)
            nearest = min((left, above[at], corner), key=lambda each: abs(left + above[at] - corner - each))
            raw.append((value - (0, left, above[at], (left + above[at]) // 2, nearest)[kind % 5]) & 255)
        above = flat
    size = len(pixels[0]).to_bytes(4, "big") + len(pixels).to_bytes(4, "big")
    body = _chunk(b"IHDR", size + bytes([depth, 2, 0, 0, 0])) + _chunk(b"IDAT", zlib.compress(bytes(raw)))
    return SIGNATURE + body + _chunk(b"IEND", b"")


def number(color: tuple[int, int, int]) -> int:
    return color[0] + 256 * color[1] + 65536 * color[2]


def panoptic(folder: Path, *segments: Any, image: bytes = b"", **changes: Any) -> Path:
    (folder / "found").mkdir(exist_ok=True)
    write(folder / "found", "7.png", image or png(PIXELS, [0, 0]))
    return coco(folder, [{"image_id": 7, "file_name": "7.png", "segments_info": list(segments)} | changes])


@pytest.mark.parametrize("filters", [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4], [1, 4]])
def test_a_segment_is_the_pixels_of_its_colour_whatever_the_filters(tmp_path: Path, filters: list[int]) -> None:
    segments = [{"id": number(RED), "category_id": 18}, {"id": number(SEA), "category_id": 1}]

    messages, bad = read("coco-panoptic", panoptic(tmp_path, *segments, image=png(PIXELS, filters)))

    assert bad == []
    dog, person = messages[0]["annotations"]
    assert (dog["name"], rows_of(dog)) == ("dog", [[1, 1, 0], [0, 1, 0]])
    assert (person["name"], rows_of(person)) == ("person", [[0, 0, 1], [0, 0, 1]])
    assert len(built(messages, "IMAGE", tools=tool("superpixel", "dog", "person"))) == 2


def test_a_bad_segment_is_named_and_the_others_of_its_image_continue(tmp_path: Path) -> None:
    segments = [{"id": 0, "category_id": 1}, {"id": 5, "category_id": 1}, {"id": number(SEA), "category_id": 1}, 3]

    messages, bad = read("coco-panoptic", panoptic(tmp_path, *segments))

    parts = [*(f".segments_info[{at}]" for at in (0, 1, 3)), ""]
    assert [each.where for each in bad] == [f"found.json[0]{part}" for part in parts]
    assert "not black" in bad[0].problem
    assert "no pixel" in bad[1].problem
    assert bad[3].problem == f"the PNG has pixels of segment {number(RED)}, which is not in segments_info"
    assert len(messages[0]["annotations"]) == 1


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../found.json", "x/../../secret.png", "../secret.png", "none.png", "7.png"]
)
def test_a_broken_image_or_one_outside_the_folder_is_reported(tmp_path: Path, name: str) -> None:
    broken = png(PIXELS, [0, 9]) if name == "7.png" else b""
    path = panoptic(tmp_path, {"id": 7, "category_id": 1}, file_name=name, image=broken)
    write(tmp_path, "secret.png", png(PIXELS, [0, 0]))
    (tmp_path / "found" / "x").mkdir()

    messages, bad = read("coco-panoptic", path)

    assert (messages, len(bad)) == ([], 1)


@pytest.mark.parametrize("change", [b"", b"x" * 40, png(PIXELS, [0, 0])[:-30], png(PIXELS, [0, 0], depth=16)])
def test_a_file_that_is_no_picture_of_three_channels_is_named(tmp_path: Path, change: bytes) -> None:
    path = panoptic(tmp_path, {"id": 7, "category_id": 1})
    (tmp_path / "found" / "7.png").write_bytes(change)

    messages, bad = read("coco-panoptic", path)

    assert messages == []
    assert "7.png" in bad[0].problem


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_no_image_is_read_if_masks_have_an_address(tmp_path: Path, scheme: str) -> None:
    path = panoptic(tmp_path, {"id": number(RED), "category_id": 1})
    (tmp_path / "found" / "7.png").unlink()

    messages, bad = read("coco-panoptic", path, mask_url=f"{scheme}://masks.example.org/{{file_name}}")

    assert bad == []
    (line,) = built(messages, "IMAGE", tools=tool("raster-segmentation", "person"))
    assert line["mask"] == {"instanceURI": f"{scheme}://masks.example.org/7.png", "colorRGB": list(RED)}


@pytest.mark.parametrize(
    "url", ["masks/{file_name}", "https://masks.example.org/1.png", "https://x/{other}", "https:///{file_name}"]
)
def test_an_address_that_is_no_template_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UnreadableSource, match="mask url"):
        read("coco-panoptic", panoptic(tmp_path), mask_url=url)


def test_a_folder_of_masks_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="give --masks"):
        read("coco-panoptic", coco(tmp_path, []), masks=tmp_path / "none")


# -- tracks ------------------------------------------------------------------------------------------------------------

TRACKS = """1,2,10,20,30,40,0.9,-1,-1,-1
5,2,12,20,30,40,0.9,-1,-1,-1
2,2,11,20,30,40,-1,-1,-1,-1
2,1,1,2,3,4,0.9,-1,-1,-1
"""


def test_a_gap_in_a_track_begins_another_segment_in_whatever_order_the_lines_are(tmp_path: Path) -> None:
    messages, bad = read("mot", write(tmp_path, "lock-3.txt", TRACKS))

    assert bad == []
    (message,) = messages
    assert message["dataRow"] == {"globalKey": "lock-3"}
    first, second = built(messages, "VIDEO", tools=tool("rectangle", "object"))
    assert [[k["frame"] for k in each["keyframes"]] for each in first["segments"]] == [[1, 2], [5]]
    assert second["segments"] == [{"keyframes": [{"frame": 2, "bbox": {"top": 2, "left": 1, "height": 4, "width": 3}}]}]


def test_frames_are_those_of_the_video_where_the_tracker_saw_some(tmp_path: Path) -> None:
    messages, _ = read("mot", write(tmp_path, "a.txt", TRACKS), frame_step=3)

    segments = messages[0]["annotations"][0]["segments"]
    assert [[k["frame"] for k in each["keyframes"]] for each in segments] == [[1, 4], [13]]


def test_classes_of_tracks_come_from_the_eighth_column(tmp_path: Path) -> None:
    names = write(tmp_path, "names.json", CATEGORIES)
    path = write(tmp_path, "a.txt", "1,1,1,2,3,4,1,18\n2,1,1,2,3,4,1,18\n1,2,1,2,3,4,1,5\n1,3,1,2,3,4,1\n")
    mapping = PredictionMapping({"dog": Target("animal", "kind", "dog")})

    messages, bad = read("mot", path, categories=names, mapping=mapping)

    assert [each.where for each in bad] == ["a.txt, line 3", "a.txt, line 4"]
    nested = [classification("radio", "kind", "dog")]
    (line,) = built(messages, "VIDEO", tools=tool("rectangle", "animal", classifications=nested))
    first, second = line["segments"][0]["keyframes"]
    assert first["classifications"] == [{"name": "kind", "answer": {"name": "dog"}}]
    assert "classifications" not in second


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2,3", "expected frame, track"),
        ("-1,1,1,2,3,4", "frame: expected 1 or more"),
        ("1.5,1,1,2,3,4", "a whole number"),
        ("1e99,1,1,2,3,4", "a whole number"),
        ("1,-1,1,2,3,4", "a detection without a track"),
        ("1,1,1,2,0,4", "above 0"),
        ("1,1,nan,2,3,4", "a number"),
        ("1,1,x,2,3,4", "a number"),
        ("1,1,1,2,3,4,7", "0 to 1"),
        ("1,2,1,2,3,4", "already"),
    ],
)
def test_a_line_that_is_no_box_is_named(tmp_path: Path, line: str, problem: str) -> None:
    messages, bad = read("mot", write(tmp_path, "a.txt", f"{TRACKS}\n{line}\n"))

    assert [(each.where, problem in each.problem) for each in bad] == [("a.txt, line 6", True)]
    assert len(messages) == 1


# -- diarisation -------------------------------------------------------------------------------------------------------


def turn(name: str, onset: float, duration: float, file: str = "rec", score: str = "<NA>") -> str:
    return f"SPEAKER {file} 1 {onset} {duration} <NA> <NA> {name} {score} <NA>\n"


def test_turns_are_milliseconds_of_a_checklist_both_ends_inclusive(tmp_path: Path) -> None:
    text = ";; made by hand\nSPKR-INFO rec 1 <NA> <NA> <NA> unknown a <NA>\n"
    text += (
        turn("a", 2, 0.5) + turn("b", 0.001, 2.2) + turn("a", 0, 0.29) + turn("a", 2.25, 1) + turn("a", 0, 1, "other")
    )

    messages, bad = read("rttm", write(tmp_path, "x.rttm", text), global_key="{file_id}.wav")

    assert bad == []
    assert [each["dataRow"]["globalKey"] for each in messages] == ["rec.wav", "other.wav"]
    (line, _) = built(messages, "AUDIO", classifications=[classification("checklist", "speaker", "a", "b")])
    assert line["answer"] == [
        {"name": "a", "frames": [{"start": 0, "end": 289}, {"start": 2000, "end": 3249}]},
        {"name": "b", "frames": [{"start": 1, "end": 2200}]},
    ]


def test_on_video_turns_are_frames_from_1_and_need_the_rate(tmp_path: Path) -> None:
    path = write(tmp_path, "x.rttm", turn("a", 0, 1) + turn("a", 2, 0.01) + turn("a", 4, 1e-9))

    messages, _ = read("rttm", path, media="video", frame_rate=25.0)

    (line,) = built(messages, "VIDEO", classifications=[classification("checklist", "speaker", "a")])
    assert line["answer"][0]["frames"] == [
        {"start": 1, "end": 25},
        {"start": 51, "end": 51},
        {"start": 101, "end": 101},
    ]
    with pytest.raises(UnreadableSource, match="give --frame-rate"):
        read("rttm", path, media="video")
    with pytest.raises(UnreadableSource, match="give --media video"):
        read("rttm", path, frame_rate=25.0)
    with pytest.raises(UnreadableSource, match="frames a second"):
        read("rttm", path, media="video", frame_rate=float("inf"))


def test_speakers_are_named_by_the_mapping(tmp_path: Path) -> None:
    path = write(tmp_path, "x.rttm", turn("s0", 0, 1, score="0.9") + turn("s1", 1, 1) + turn("s0", 5, 1, score="0.1"))
    mapping = PredictionMapping({"s0": Target(option="pilot"), "s1": Target("voice")}, confidence=0.5)

    messages, bad = read("rttm", path, mapping=mapping)

    assert bad == []
    assert messages[0]["annotations"] == [
        {"name": "speaker", "answer": [{"name": "pilot", "frames": [{"start": 0, "end": 999}]}]},
        {"name": "voice", "answer": [{"name": "s1", "frames": [{"start": 1000, "end": 1999}]}]},
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("SPEAKER rec 1 0 1", "expected SPEAKER"),
        (turn("<NA>", 0, 1), "expected SPEAKER"),
        (turn("a", -1, 1), "onset"),
        (turn("a", 1, 0), "duration"),
        ("SPEAKER rec 1 0 x <NA> <NA> a <NA> <NA>", "duration"),
        (turn("a", 0, 1, score="5"), "score"),
    ],
)
def test_a_line_that_is_no_turn_is_named(tmp_path: Path, line: str, problem: str) -> None:
    messages, bad = read("rttm", write(tmp_path, "x.rttm", f"{turn('a', 0, 1)}\n{line}\n"))

    assert [(each.where, problem in each.problem) for each in bad] == [("x.rttm, line 3", True)]
    assert len(messages) == 1


@pytest.mark.parametrize("form", ["mot", "rttm"])
def test_a_file_that_is_no_text_says_so(tmp_path: Path, form: str) -> None:
    for content, problem in (
        (b"\n\xff1\n", "line 2: not UTF-8"),
        (b"\xff\xfe1\0", "UTF-16LE"),
        (b"1" * 70_000, "65536 bytes"),
    ):
        with pytest.raises(UnreadableInput, match=problem):
            read(form, write(tmp_path, "odd", content))
    with pytest.raises(UnreadableInput, match="No such file"):
        read(form, tmp_path / "none")
