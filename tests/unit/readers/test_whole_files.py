"""What a file shows about itself as a whole: options that are wrong for all of it, and keys of two records."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.builders.pixels import color_png
from prelabel.mapping import PredictionMapping
from prelabel.readers import FORMATS, ReaderOptions, Record
from prelabel.readers.base import UnreadableSource
from prelabel.readers.groups import Groups, KeyClash, Origin
from tests.support.reading import CATEGORIES, built, read, tool, write

RLE = {"size": [2, 3], "counts": [1, 2, 1, 1, 1]}


def coco(folder: Path, *results: dict[str, Any], **more: Any) -> Path:
    return write(folder, "found.json", {"annotations": list(results), "categories": CATEGORIES, **more})


def box(image_id: Any = 7, bbox: Any = (10, 20, 30, 40), **changes: Any) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 18, "bbox": list(bbox)} | changes


def refusal(form: str, path: Path, **options: Any) -> str:
    """Return why the file is refused, after asserting that no message came before that."""
    records: list[Any] = []
    mapping = options.pop("mapping", None) or PredictionMapping()
    with pytest.raises(UnreadableSource) as caught:
        records.extend(FORMATS[form].read(path, ReaderOptions("p", mapping=mapping, **options)))
    assert not [record for record in records if isinstance(record, Record)]
    return str(caught.value)


# -- fields of a line --------------------------------------------------------------------------------------------------


def turn(speaker: str, more: str = "<NA> <NA>", onset: float = 0) -> str:
    return f"SPEAKER rec 1 {onset} 1.0 <NA> <NA> {speaker} {more}\n"


def test_speakers_whose_names_have_spaces_are_not_read_as_one_speaker(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rttm", turn("Speaker 0") + turn("Speaker 1") + turn("Ann"))

    messages, bad = read("rttm", path)

    assert [record.where for record in bad] == ["a.rttm, line 1", "a.rttm, line 2"]
    assert "found 11. Names have no spaces in RTTM: write Speaker_0 instead of Speaker 0" in bad[0].problem
    assert [option["name"] for option in messages[0]["annotations"][0]["answer"]] == ["Ann"]


@pytest.mark.parametrize("second", ["Speaker 1", "Speaker 2"])
def test_in_nine_fields_names_with_spaces_refuse_the_file(tmp_path: Path, second: str) -> None:
    """`Speaker 0 <NA>` at the end of nine fields looks like a confidence of 0 at the end of ten."""
    path = write(tmp_path, "a.rttm", turn("Speaker 0", "<NA>") + turn(second, "<NA>"))

    assert "there were two speakers, 'Speaker 0' and " in refusal("rttm", path)


@pytest.mark.parametrize("more", ["<NA>", "0.9", "<NA> <NA>", "1 <NA>", "0.5 0.2"], ids=str.split)
def test_lines_of_each_version_of_rttm_are_read(tmp_path: Path, more: str) -> None:
    messages, bad = read("rttm", write(tmp_path, "a.rttm", turn("ann", more) + turn("ann", more, 2)))

    assert bad == []
    assert len(messages[0]["annotations"][0]["answer"][0]["frames"]) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("SPEAKER rec 1 0 1 <NA> <NA> ann", "found 8"),
        ("SPEAKER my rec 1 0 1 <NA> <NA> ann <NA> <NA>", "found 11"),
        ("SPEAKER my rec 1 0 1 <NA> <NA> ann <NA>", "found <NA>"),
        ("SPEAKER rec 1 0 1 hello <NA> ann <NA> <NA>", "orthography: expected <NA>, found 'hello'"),
        ("SPEAKER rec 1 0 1 <NA> adult ann <NA> <NA>", "subtype: expected <NA>"),
        ("SPEAKER rec 1 0 1 <NA> <NA> ann <NA> x", "lookahead"),
        ("SPEAKER rec 1 0 1 <NA> <NA> ann <NA>", "expected 10 fields as in line 1, found 9"),
        ("speaker rec 1 0 1 <NA> <NA> ann <NA> <NA>", "type: expected SPEAKER"),
        ("1,1,10,20,30,40", "type: expected SPEAKER"),
    ],
)
def test_a_line_of_no_version_of_rttm_is_named(tmp_path: Path, line: str, problem: str) -> None:
    messages, bad = read("rttm", write(tmp_path, "a.rttm", f"{turn('bob')}\n{line}\n"))

    assert [(record.where, problem in record.problem) for record in bad] == [("a.rttm, line 3", True)]
    assert len(messages[0]["annotations"][0]["answer"]) == 1


TRACK = "1,2,10,20,30,40"


@pytest.mark.parametrize("more", ["", ",0.9", ",1,1,0.86", ",0.9,-1,-1,-1", ",1,3.5,2.25,0", ",0.9,18,0,1"])
def test_lines_of_each_version_of_mot_are_read(tmp_path: Path, more: str) -> None:
    messages, bad = read("mot", write(tmp_path, "a.txt", f"{TRACK}{more}\n"))

    assert (len(messages), bad) == (1, [])


@pytest.mark.parametrize(("more", "count"), [("", 5), (",0.9,18", 8), (",0.9,-1,-1,-1,7", 11), (",0.9,-1,-1,-1,", 11)])
def test_a_line_of_no_version_of_mot_is_named(tmp_path: Path, more: str, count: int) -> None:
    line = f"{TRACK}{more}" if more else TRACK.rpartition(",")[0]

    messages, bad = read("mot", write(tmp_path, "a.txt", f"2,2,10,20,30,40,0.9,-1,-1,-1\n{line}\n"))

    assert [record.where for record in bad] == ["a.txt, line 2"]
    assert f"6, 7, 9 or 10 columns between commas, found {count}" in bad[0].problem
    assert len(messages) == 1


def test_a_line_that_was_cut_off_is_not_a_box_of_another_version(tmp_path: Path) -> None:
    _, bad = read("mot", write(tmp_path, "a.txt", f"{TRACK},0.9,-1,-1,-1\n2,2,10,20,30,4\n"))

    assert [record.problem for record in bad] == ["expected 10 columns as in line 1, found 6: is the line cut off?"]


def test_classes_that_are_not_kept_are_counted(tmp_path: Path) -> None:
    mapping = PredictionMapping()

    read("mot", write(tmp_path, "a.txt", f"{TRACK},1,1,0.8\n2,2,10,20,30,40,1,3,0.8\n"), mapping=mapping)

    ((why, count),) = mapping.left_out.items()
    assert (count, "give --categories" in why) == (2, True)


def test_the_key_of_a_packed_video_is_that_of_the_file_that_was_packed(tmp_path: Path) -> None:
    file = tmp_path / "pier-7.txt.gz"
    file.write_bytes(gzip.compress(f"{TRACK}\n".encode()))

    (message,), _ = read("mot", file)

    assert message["dataRow"] == {"globalKey": "pier-7"}


@pytest.mark.parametrize(
    ("form", "result", "problem"),
    [
        ("coco-results", {"bbox": [1, 2, 3, 4, 45]}, "bbox: expected [x, y, width, height], found an array of 5 items"),
        ("coco-results", {"bbox": {"x": 1}}, "found an object"),
        ("coco-keypoints", {"keypoints": [1, 2] * 17}, "found an array of 34 items"),
        ("coco-keypoints", {"keypoints": [1, 2, 2] * 18}, "found an array of 54 items"),
        ("coco-results", {"bbox": [1, 2, 3, 4], "score": 1.00000107}, "found 1.00000107"),
    ],
)
def test_surplus_and_missing_values_of_a_result_are_named(
    tmp_path: Path, form: str, result: dict[str, Any], problem: str
) -> None:
    messages, bad = read(form, coco(tmp_path, {"image_id": 7, "category_id": 1} | result))

    assert messages == []
    assert problem in bad[0].problem


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ([{"id": 7, "width": "640"}], "images[0]: width: expected a number"),
        ([{"id": 7, "width": 640.5}], "images[0]: width: expected a whole number of pixels"),
        ([{"id": 7}, {"file_name": "a.jpg"}], "images[1]: id is missing"),
        ([{"id": 7.5}], "images[0]: id: expected a whole number or a text"),
        ([{"id": 7, "file_name": 3}], "images[0]: file_name: expected a text"),
        ([[7, "a.jpg"]], "images[0]: an image is an object"),
        ([{"id": 7, "width": 3}, {"id": 7, "width": 4}], "images[1]: id: 7 is that of another image already"),
    ],
)
def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, images: list[Any], problem: str) -> None:
    assert problem in refusal("coco-results", coco(tmp_path, box(), images=images))


@pytest.mark.parametrize(
    ("categories", "problem"),
    [
        ([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "categories[1]: id: 1 is that of 'a' already"),
        ([{"id": 1.7, "name": "a"}], "categories[0]: id: expected a whole number, found '1.7'"),
        ([{"id": True, "name": "a"}], "categories[0]: id: expected a whole number"),
        ([{"id": 1}], "categories[0]: name is missing"),
        ([{"id": 1, "name": "a", "keypoints": "nose"}], "keypoints: expected an array of names"),
        (["a", "b"], "categories[0]: a category is an object"),
    ],
)
def test_a_category_that_cannot_be_read_is_named(tmp_path: Path, categories: list[Any], problem: str) -> None:
    beside = write(tmp_path, "names.json", categories)

    assert problem in refusal("coco-results", coco(tmp_path, box()), categories=beside)


# -- frames ------------------------------------------------------------------------------------------------------------

FROM_0 = "".join(f"{frame},1,1{frame},20,30,40,0.9,-1,-1,-1\n" for frame in range(3))


def keyframes(messages: list[dict[str, Any]]) -> list[tuple[int, float]]:
    (line,) = built(messages, "VIDEO", tools=tool("rectangle", "object"))
    return [(keyframe["frame"], keyframe["bbox"]["left"]) for keyframe in line["segments"][0]["keyframes"]]


def test_a_file_that_counts_frames_from_0_is_refused_with_the_option_to_type(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", FROM_0)

    problem = refusal("mot", path)

    assert problem.startswith("a.txt, line 1: frame: expected 1 or more, found 0")
    assert problem.endswith("Type --first-frame 0")
    messages, bad = read("mot", path, first_frame=0)
    assert bad == []
    assert keyframes(messages) == [(1, 10), (2, 11), (3, 12)]


def test_frame_0_refuses_the_file_at_whatever_line_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "".join(reversed(FROM_0.splitlines(keepends=True))))

    assert refusal("mot", path).startswith("a.txt, line 3: ")


@pytest.mark.parametrize(("first", "step"), [(0, 1), (0, 3), (1, 3), (100, 2)])
def test_the_first_frame_of_the_file_is_frame_1_of_the_video(tmp_path: Path, first: int, step: int) -> None:
    path = write(tmp_path, "a.txt", f"{first},1,1,2,3,4\n{first + 1},1,1,2,3,4\n")

    messages, _ = read("mot", path, first_frame=first, frame_step=step)

    assert [frame for frame, _ in keyframes(messages)] == [1, 1 + step]


def test_a_frame_before_the_first_frame_refuses_the_file(tmp_path: Path) -> None:
    assert refusal("mot", write(tmp_path, "a.txt", "4,1,1,2,3,4\n"), first_frame=5).endswith("Type --first-frame 4")


def test_frames_that_are_numbered_as_in_the_video_refuse_a_frame_step(tmp_path: Path) -> None:
    """The option would move the boxes of frames 4, 7 … to frames 10, 19 …."""
    path = write(tmp_path, "a.txt", "".join(f"{frame},1,1,2,3,4\n" for frame in (1, 4, 7)))

    assert "Leave out --frame-step" in refusal("mot", path, frame_step=3)
    assert read("mot", path)[1] == []


# -- scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["coco-results", "mot", "rttm"])
def test_percents_refuse_the_file_rather_than_pass_where_they_are_below_1(tmp_path: Path, form: str) -> None:
    percents = [0.4, 87.5, 99.0]
    path = {
        "coco-results": lambda: coco(tmp_path, *(box(score=score) for score in percents)),
        "mot": lambda: write(tmp_path, "a.txt", "".join(f"{at},1,1,2,3,4,{x}\n" for at, x in enumerate(percents, 1))),
        "rttm": lambda: write(tmp_path, "a.rttm", "".join(turn("ann", f"{score} <NA>") for score in percents)),
    }[form]()

    assert "2 of 3 scores are above 1" in refusal(form, path)


def test_single_scores_above_1_are_bad_records(tmp_path: Path) -> None:
    messages, bad = read("coco-results", coco(tmp_path, *(box(score=score) for score in (0.9, 1.5, 0.8, 3, 0.7))))

    assert len(messages[0]["annotations"]) == 3
    assert [record.where for record in bad] == ["found.json[1]", "found.json[3]"]


# -- coordinates and sizes ---------------------------------------------------------------------------------------------


def test_coordinates_from_0_to_1_refuse_a_file_of_boxes(tmp_path: Path) -> None:
    path = coco(tmp_path, box(bbox=[0.1, 0.2, 0.3, 0.4]), box(bbox=[0, 0, 1, 1]), box(bbox=[-0.01, 0.5, 0.9, 0.52]))

    assert "all coordinates are between 0 and 1" in refusal("coco-results", path)


def test_coordinates_from_0_to_1_refuse_a_file_of_tracks(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "1,1,0.1,0.2,0.3,0.4\n2,1,0.1,0.2,0.3,0.4\n")

    assert "all coordinates are between 0 and 1" in refusal("mot", path)


def test_coordinates_from_0_to_1_refuse_a_file_of_keypoints(tmp_path: Path) -> None:
    path = coco(tmp_path, {"image_id": 1, "category_id": 1, "keypoints": [0.25, 0.75, 2] * 17})

    assert "all coordinates are between 0 and 1" in refusal("coco-keypoints", path)


def test_coordinates_from_0_to_1_refuse_a_file_of_polygons(tmp_path: Path) -> None:
    result = {"image_id": 1, "category_id": 1, "segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]}
    path = coco(tmp_path, result, images=[{"id": 1, "width": 5, "height": 5}])

    assert "all coordinates are between 0 and 1" in refusal("coco-segmentation", path)


@pytest.mark.parametrize("bbox", [[0, 0, 1, 1], [0.2, 0.2, 0.5, 3]])
def test_a_box_of_a_pixel_or_of_fractions_of_pixels_is_read(tmp_path: Path, bbox: list[float]) -> None:
    messages, bad = read("coco-results", coco(tmp_path, box(bbox=bbox)))

    assert (len(messages), bad) == (1, [])


def test_a_box_whose_centre_is_outside_its_image_refuses_the_file(tmp_path: Path) -> None:
    path = coco(tmp_path, box(), box(bbox=[500, 400, 40, 40]), images=[{"id": 7, "width": 480, "height": 640}])

    problem = refusal("coco-results", path)

    assert problem.startswith(
        "found.json[1]: the centre of the annotation is at x 520, y 420, but image 7 has 480 x 640"
    )
    assert "--images FILE" in problem


def test_a_box_that_only_reaches_beyond_its_image_is_read(tmp_path: Path) -> None:
    path = coco(tmp_path, box(bbox=[-3, -2, 40, 50.5]), images=[{"id": 7, "width": 30, "height": 40}])

    messages, bad = read("coco-results", path)

    assert (len(messages), bad) == (1, [])


def test_a_mask_of_another_size_than_its_image_refuses_the_file_and_names_both_sizes(tmp_path: Path) -> None:
    results = [{"image_id": at, "category_id": 1, "segmentation": RLE} for at in (6, 7)]
    images = write(
        tmp_path, "images.json", [{"id": 7, "width": 640, "height": 480}, {"id": 6, "width": 3, "height": 2}]
    )

    problem = refusal("coco-segmentation", coco(tmp_path, *results), images=images)

    assert problem.startswith("found.json[1]: the mask has 3 x 2 pixels (width x height), but image 7 has 640 x 480")


def test_a_mask_with_width_and_height_the_wrong_way_round_is_told_the_order(tmp_path: Path) -> None:
    path = coco(
        tmp_path,
        {"image_id": 7, "category_id": 1, "segmentation": {"size": [3, 2], "counts": [1, 5]}},
        images=[{"id": 7, "width": 3, "height": 2}],
    )

    assert "a size in COCO is [height, width]" in refusal("coco-segmentation", path)


def test_masks_of_one_image_that_differ_in_size_refuse_the_file(tmp_path: Path) -> None:
    larger = {"size": [4, 6], "counts": [1, 23]}
    results = [{"image_id": 7, "category_id": 1, "segmentation": segmentation} for segmentation in (RLE, larger)]

    problem = refusal("coco-segmentation", coco(tmp_path, *results))

    assert "the mask has 6 x 4 pixels (width x height), but an earlier mask of image 7 has 3 x 2" in problem


def test_a_png_of_another_size_than_its_image_refuses_the_file_and_names_both_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    write(folder, "7.png", color_png(3, 2, bytes([1, 1, 0, 0, 0, 0]), [(5, 0, 0)]))
    result = {"image_id": 7, "file_name": "7.png", "segments_info": [{"id": 5, "category_id": 1}]}
    path = coco(tmp_path, result, images=[{"id": 7, "width": 6, "height": 4}])

    assert "the mask has 3 x 2 pixels (width x height), but image 7 has 6 x 4" in refusal("coco-panoptic", path)


def test_two_segments_of_one_colour_are_not_two_masks(tmp_path: Path) -> None:
    segments = [{"id": 5, "category_id": 1}, {"id": 5, "category_id": 18}]
    result = {"image_id": 7, "file_name": "7.png", "segments_info": segments}

    messages, bad = read("coco-panoptic", coco(tmp_path, result), mask_url="https://masks.example.org/{file_name}")

    assert len(messages[0]["annotations"]) == 1
    assert [record.where for record in bad] == ["found.json[0].segments_info[1]"]
    assert "id: 5 is that of another segment too" in bad[0].problem


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("coco-results", {"bbox": [1, 2, 3, 4]}),
        ("coco-segmentation", {"segmentation": RLE}),
        ("coco-keypoints", {"keypoints": [1, 2, 2] * 17}),
    ],
)
def test_a_file_of_other_images_refuses_the_predictions(tmp_path: Path, form: str, part: dict[str, Any]) -> None:
    """Without it, no size would be compared with anything."""
    images = write(tmp_path, "images.json", [{"id": "7", "width": 3, "height": 2}])

    assert "none of its images is in " in refusal(form, coco(tmp_path, box() | part), images=images)


@pytest.mark.parametrize(
    ("categories", "used", "counted"),
    [((1, 2, 3), (3, 2, 0), "count them from 0"), ((0, 1, 2), (1, 2, 3), "count them from 1")],
)
def test_category_ids_that_are_one_off_refuse_the_file(
    tmp_path: Path, categories: tuple[int, ...], used: tuple[int, ...], counted: str
) -> None:
    names = write(tmp_path, "names.json", [{"id": at, "name": f"class {at}"} for at in categories])
    tracks = "".join(f"{frame},1,10,20,30,40,1,{at},0.5\n" for frame, at in enumerate(used, 1))

    for form, path in (
        ("coco-results", coco(tmp_path, *(box(category_id=at) for at in used))),
        ("mot", write(tmp_path, "a.txt", tracks)),
    ):
        problem = refusal(form, path, categories=names)
        assert counted in problem
        assert "Give --categories FILE" in problem


# -- global keys -------------------------------------------------------------------------------------------------------

TWO_OF_ONE_NAME = [{"id": 1, "file_name": "a.png"}, {"id": 51, "file_name": "a.png"}]


def test_two_images_with_one_file_name_are_not_one_data_row(tmp_path: Path) -> None:
    path = coco(tmp_path, box(1), box(51), images=TWO_OF_ONE_NAME)

    problem = refusal("coco-results", path, global_key="{file_name}")

    assert problem.startswith(
        "found.json: global key 'a.png' is that of image 1 (found.json[0]) and of image 51 (found.json[1])"
    )
    assert "type --global-key '{image_id}'" in problem
    messages, _ = read("coco-results", path, global_key="{image_id}/{file_name}")
    assert [message["dataRow"]["globalKey"] for message in messages] == ["1/a.png", "51/a.png"]


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("coco-segmentation", {"segmentation": RLE}),
        ("coco-keypoints", {"keypoints": [1, 2, 2] * 17}),
        ("coco-captions", {"caption": "A tug."}),
        ("coco-panoptic", {"file_name": "m.png", "segments_info": [{"id": 5, "category_id": 1}]}),
    ],
)
def test_every_format_of_coco_refuses_a_key_of_two_images(tmp_path: Path, form: str, part: dict[str, Any]) -> None:
    results = [{"image_id": at, "category_id": 1} | part for at in (1, 51)]
    options = {"mask_url": "https://masks.example.org/{file_name}"} if form == "coco-panoptic" else {}

    problem = refusal(form, coco(tmp_path, *results, images=TWO_OF_ONE_NAME), global_key="{file_name}", **options)

    assert "image 1 (found.json[0]) and of image 51 (found.json[1])" in problem


def test_ids_of_one_text_are_not_one_data_row(tmp_path: Path) -> None:
    problem = refusal("coco-results", coco(tmp_path, box(7), box("7")))

    assert "image 7 (found.json[0]) and of image '7' (found.json[1])" in problem
    assert "write these ids in one way" in problem


def test_recordings_that_leading_zeros_make_equal_are_not_one_data_row(tmp_path: Path) -> None:
    text = "SPEAKER 7 1 0 1 <NA> <NA> a <NA> <NA>\nSPEAKER 007 1 0 1 <NA> <NA> a <NA> <NA>\n"

    problem = refusal("rttm", write(tmp_path, "a.rttm", text), global_key="{file_id:03d}.wav")

    assert "recording '7' (a.rttm, line 1) and of recording '007' (a.rttm, line 2)" in problem
    assert "type --global-key '{file_id}'" in problem


@pytest.mark.parametrize(
    ("form", "template"),
    [
        ("coco-results", "{image_id}-{other}"),
        ("coco-results", "{file_name}-{image_id:x}"),
        ("mot", "{file_id}.mp4"),
        ("rttm", "{file_id}-{channel}"),
    ],
)
def test_a_field_that_the_format_does_not_have_is_refused(tmp_path: Path, form: str, template: str) -> None:
    assert "expected the field" in refusal(form, coco(tmp_path), global_key=template)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=30))
def test_groups_accept_items_exactly_as_long_as_each_key_has_one_record(items: list[tuple[str, int]]) -> None:
    records: dict[str, int] = {}
    clash = next((at for at, (key, name) in enumerate(items) if records.setdefault(key, name) != name), None)

    with Groups() as groups:
        for at, (key, name) in enumerate(items):
            origin = Origin("image", name, f"[{at}]")
            if at != clash:
                groups.add(key, at, origin)
                continue
            with pytest.raises(KeyClash) as caught:
                groups.add(key, at, origin)
            first = next(place for place, item in enumerate(items) if item[0] == key)
            assert (caught.value.first.where, caught.value.second.where) == (f"[{first}]", f"[{at}]")
            return
        assert {key for key, _ in groups} == set(records)
