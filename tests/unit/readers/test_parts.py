"""Parts that readers share: JSON in pieces, run lengths, masks, groups, the mapping."""

import base64
import io
import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.annotations.png import read_png
from prelabel.mapping import BadMapping, PredictionMapping, Sample, Target, read_mapping
from prelabel.readers import json_stream
from prelabel.readers.base import UnreadableSource
from prelabel.readers.groups import Groups, Origin
from prelabel.readers.json_stream import elements
from prelabel.readers.pixels import mask_annotation
from prelabel.readers.rle import decode, fill
from tests.support.reading import CATEGORIES, built, classification, read, tool, write

# -- JSON --------------------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def in_pieces(text: bytes, size: int, key: str = "annotations") -> list[Any]:
    """The elements, read `size` bytes at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_PIECE", size)
        return list(json_stream._Reader(Path("x.json"), io.BytesIO(text)).elements(key, True))


@given(st.lists(_JSON, max_size=5), st.integers(1, 12), st.booleans(), st.sampled_from([None, 1]))
def test_elements_are_those_of_a_whole_reading_wherever_the_pieces_end(
    items: list[Any], size: int, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(items, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    assert in_pieces(text, size) == json.loads(text)


@given(_JSON, st.lists(_JSON, max_size=3), _JSON, st.integers(1, 12))
def test_the_array_of_one_key_is_found_among_others(before: Any, items: list[Any], behind: Any, size: int) -> None:
    text = json.dumps({"info": before, "annotations": items, "images": behind}).encode()
    assert in_pieces(text, size) == items


@pytest.mark.parametrize("size", [1, 3, 4096])
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[1, 2", r"\[1\]"),
        ('[1, {"a": }]', r"\[1\]: not JSON"),
        ("[1 2]", "a comma or"),
        ("[1, ]", "a comma before"),
        ("[1] 2", "nothing more"),
        ("[NaN]", r"\[0\]: expected a finite number, found NaN"),
        ('[1, {"bbox": [1, -Infinity]}]', r"\[1\]: bbox\[1\]: expected a finite number, found -Infinity"),
        ('{"annotations": 3}', "annotations: expected an array"),
        ('{"images": []}', "holds one as annotations"),
        ('{"a" 1}', "a name and a colon"),
        ("", "expected an array"),
        ("[" * 100_000, "nested too deeply"),
        ('["\udcff"]', "not UTF-8"),
    ],
)
def test_a_file_that_is_not_an_array_is_reported_with_the_place(text: str, where: str, size: int) -> None:
    with pytest.raises(UnreadableSource, match=where):
        in_pieces(text.encode("utf-8", "surrogateescape"), max(size, len(text) // 1000))


def test_an_element_longer_than_the_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 1000)
    with pytest.raises(UnreadableSource, match="more than 1000 characters"):
        in_pieces(json.dumps(["a", "b" * 5000]).encode(), 100)


@pytest.mark.slow
def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path, "large.json", [{"image_id": at, "bbox": [1, 2, 3, 4]} for at in range(50_000)])
    tracemalloc.start()
    try:
        with Groups() as groups:
            for each in elements(path, "annotations"):
                image = each["image_id"] % 100
                groups.add(str(image), each, Origin("image", image, ""))
            count = sum(len(items) for _, items in groups)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 50_000
    assert path.stat().st_size > 2_000_000
    # Read at once these are 20 MB of objects, as bytes of orjson's over 80; a piece and a batch are what is left.
    assert peak < 8_000_000


def test_groups_keep_the_order_of_keys_and_items_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel.readers.groups._BATCH_BYTES", 3)
    with Groups() as groups:
        for at, key in enumerate("bacab"):
            groups.add(key, [at, "x"], Origin("image", key, ""))
        assert list(groups) == [("b", [[0, "x"], [4, "x"]]), ("a", [[1, "x"], [3, "x"]]), ("c", [[2, "x"]])]


# -- run lengths and masks ---------------------------------------------------------------------------------------------


@st.composite
def masks(draw: st.DrawFn) -> list[list[int]]:
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    row = st.lists(st.integers(0, 1), min_size=width, max_size=width)
    return draw(st.lists(row, min_size=height, max_size=height))


def runs_of(rows: list[list[int]]) -> list[int]:
    down = [row[x] for x in range(len(rows[0])) for row in rows]
    runs = [len(list(same)) for _, same in itertools.groupby(down)]
    return [0, *runs] if down[0] else runs


def compressed(runs: list[int]) -> str:
    """COCO's compression, from its description."""
    text = ""
    for at, run in enumerate(runs):
        value = run - runs[at - 2] if at > 2 else run
        while True:
            group, value = value & 31, value >> 5
            done = value == (-1 if group & 16 else 0)
            text += chr(48 + group + (0 if done else 32))
            if done:
                break
    return text


@given(masks(), st.booleans())
def test_run_lengths_come_back_as_the_pixels_they_were_made_of(rows: list[list[int]], compress: bool) -> None:
    runs = runs_of(rows)
    counts = compressed(runs) if compress else runs

    pixels, width, height = decode({"size": [len(rows), len(rows[0])], "counts": counts})

    assert (width, height) == (len(rows[0]), len(rows))
    assert [list(pixels[at : at + width]) for at in range(0, len(pixels), width)] == rows


@given(st.text(max_size=30), st.integers(1, 9), st.integers(1, 9))
def test_any_text_is_run_lengths_or_is_refused(text: str, width: int, height: int) -> None:
    try:
        pixels, _, _ = decode({"size": [height, width], "counts": text})
    except ValueError:
        return
    assert len(pixels) == width * height


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20))
def test_long_runs_are_compressed_in_several_groups(runs: list[int]) -> None:
    size = [1, sum(runs) or 1]
    counts = compressed(runs if sum(runs) else [1])
    assert sum(decode({"size": size, "counts": counts})[0]) == sum(runs[1::2])


@given(masks())
def test_a_mask_is_read_back_from_its_png(rows: list[list[int]]) -> None:
    if not any(map(any, rows)):
        rows[0][0] = 1
    pixels = bytes(pixel for row in rows for pixel in row)

    png = read_png(base64.b64decode(mask_annotation(pixels, len(rows[0]), len(rows))["png"]))

    assert [list(row) for row in png.rows or ()] == rows
    assert (png.width, png.height, png.depth, png.color) == (len(rows[0]), len(rows), 8, 0)


@given(st.lists(st.tuples(st.integers(-3, 12), st.integers(-3, 12)), min_size=3, max_size=8))
def test_a_polygon_holds_the_pixels_whose_centres_a_ray_finds_inside(corners: list[tuple[int, int]]) -> None:
    pixels = fill([[value for corner in corners for value in corner]], 9, 8)

    def inside(x: float, y: float) -> bool:
        crossed = 0
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1) - 1e-9:
                crossed += 1
        return crossed % 2 == 1

    on_edge = 1e-6
    for y, x in itertools.product(range(8), range(9)):
        if inside(x + 0.5 - on_edge, y + 0.5) == inside(x + 0.5 + on_edge, y + 0.5):
            assert pixels[9 * y + x] == inside(x + 0.5, y + 0.5)


def test_parts_of_a_polygon_are_joined_where_they_overlap() -> None:
    assert list(fill([[0, 0, 2, 0, 2, 1, 0, 1], [1, 0, 3, 0, 3, 1, 1, 1]], 4, 1)) == [1, 1, 1, 0]


# -- the mapping -------------------------------------------------------------------------------------------------------

MAPPING = """
global_key = "val/{image_id:06d}.jpg"
confidence = 0.3
unmapped = "refuse"

[classes]
person = "pedestrian"
dog = { feature = "animal", classification = "kind", option = "dog", confidence = 0.8 }
cat = { drop = true }

[sample]
every = 1
"""
NAMES = [*CATEGORIES, {"id": 3, "name": "cat"}, {"id": 4, "name": "crane"}]


def boxes(folder: Path, *scores: tuple[int, int, float | None]) -> Path:
    """Results of (image, category, score)."""
    results = [
        {"image_id": image, "category_id": category, "bbox": [1, 2, 3, 4], "score": score}
        for image, category, score in scores
    ]
    return write(folder, "found.json", {"annotations": results, "categories": NAMES})


def test_a_mapping_names_features_and_answers_drops_and_refuses(tmp_path: Path) -> None:
    path = boxes(
        tmp_path, (1, 1, 0.3), (1, 18, 0.9), (1, 3, 0.9), (1, 4, 0.9), (1, 1, 0.29), (1, 18, 0.79), (1, 1, None)
    )
    mapping = read_mapping(write(tmp_path, "mapping.toml", MAPPING))

    messages, bad = read("coco-results", path, mapping=mapping)

    assert [each.problem for each in bad] == ["class 'crane' is not in the mapping"]
    assert mapping.left_out == {"of classes that are dropped": 1, "below the minimum confidence": 2}
    (message,) = messages
    assert message["dataRow"] == {"globalKey": "val/000001.jpg"}
    nested = [classification("radio", "kind", "dog")]
    tools = [*tool("rectangle", "pedestrian"), *tool("rectangle", "", "animal", classifications=nested)[1:]]
    lines = built(messages, "IMAGE", tools=tools)
    assert [line["name"] for line in lines] == ["pedestrian", "animal", "pedestrian"]
    assert lines[1]["classifications"] == [{"name": "kind", "answer": {"name": "dog"}}]


@pytest.mark.parametrize(("unmapped", "count"), [("keep", 1), ("drop", 0)])
def test_a_class_without_an_entry_is_kept_or_dropped(tmp_path: Path, unmapped: Any, count: int) -> None:
    messages, bad = read("coco-results", boxes(tmp_path, (1, 1, 1)), mapping=PredictionMapping(unmapped=unmapped))

    assert ([len(message["annotations"]) for message in messages], bad) == ([count], [])


def test_an_option_without_its_classification_is_named(tmp_path: Path) -> None:
    mapping = PredictionMapping({"person": Target("a", option="b")})

    _, bad = read("coco-results", boxes(tmp_path, (1, 1, 1)), mapping=mapping)

    assert "classification" in bad[0].problem


def keys(folder: Path, images: range, **sample: Any) -> list[str]:
    path = boxes(folder, *((image, 1, 0.9) for image in images))
    messages, _ = read("coco-results", path, mapping=PredictionMapping(sample=Sample(**sample)))
    return [each["dataRow"]["globalKey"] for each in messages]


def test_every_takes_the_first_of_each_n_data_rows(tmp_path: Path) -> None:
    assert keys(tmp_path, range(10), every=4) == ["0", "4", "8"]


def test_a_share_is_the_same_rows_in_every_run_and_every_file(tmp_path: Path) -> None:
    drawn = keys(tmp_path, range(1000), share=0.2, seed=7)

    assert 150 < len(drawn) < 250
    assert drawn == keys(tmp_path, range(1000), share=0.2, seed=7)
    assert [key for key in drawn if int(key) >= 500] == keys(tmp_path, range(500, 1000), share=0.2, seed=7)
    assert set(drawn) < set(keys(tmp_path, range(1000), share=0.4, seed=7))
    assert drawn != keys(tmp_path, range(1000), share=0.2, seed=8)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("class = 1", "did you mean classes?"),
        ("confidence = 1.5", "confidence: expected 0 to 1, found 1.5"),
        ("confidence = true", "confidence: expected a number"),
        ("unmapped = 'skip'", "unmapped: expected keep, drop or refuse"),
        ("global_key = ''", "global_key: expected a text"),
        ("classes = 3", "classes: expected a table"),
        ("[classes]\na = 3", "classes.a: expected a feature's name or a table"),
        ("[classes]\na = ''", "classes.a.feature: expected a text"),
        ("[classes]\na = {name = 'x'}", "classes.a.name: unknown"),
        ("[classes]\na = {classification = 'x'}", "classes.a.option: missing"),
        ("[classes]\na = {confidence = -1}", "classes.a.confidence: expected 0 to 1"),
        ("[classes]\na = {drop = 1}", "classes.a.drop: expected true or false"),
        ("[sample]\nevery = 0", "sample.every: expected at least 1"),
        ("[sample]\nevery = 1.5", "sample.every: expected a whole number"),
        ("[sample]\nshare = 2", "sample.share: expected 0 to 1"),
        ("[sample]\nseed = -1", "sample.seed: expected at least 0"),
        ("[sample]\nevry = 1", "sample.evry: unknown"),
        ("confidence = ", "not TOML"),
        (b"\xff", "not TOML"),
    ],
)
def test_a_mistake_in_a_mapping_is_named_with_its_key(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(BadMapping) as caught:
        read_mapping(write(tmp_path, "mapping.toml", text))

    assert problem in str(caught.value)
    assert "mapping.toml" in str(caught.value)


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="No such file"):
        read_mapping(tmp_path / "mapping.toml")
