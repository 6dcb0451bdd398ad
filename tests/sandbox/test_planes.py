"""The planes of tiled imagery: tile layers, lines at round coordinates, and where shapes lie."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example as of
from hypothesis import given
from hypothesis import strategies as st

from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.pages.drawing.annotations import Annotation, annotations_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.extent import Extent
from prelabel_sandbox.pages.drawing.graticule import spot, ticks
from prelabel_sandbox.pages.drawing.plane import Plane, plane_of
from prelabel_sandbox.pages.drawing.shapes import Shape
from prelabel_sandbox.pages.drawing.tile_layer import TileLayer, tile_layer_of
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.hostile import HOSTILE
from tests.support.sandbox.markup import complaints
from tests.support.sandbox.pages import entries, only_row, row_page
from tests.support.sandbox.process import SandboxProcess, ndjson

URL = "https://tiles.example.org/{z}/{x}/{y}.png"
MEXICO = Extent(-99.2105, 19.4004, -99.2053, 19.4056)
CLASSES = Classes(normalized({"tools": [{"tool": "polygon", "name": "a"}]}, "p"))


def layer(longitude_first: bool = False, **fields: Any) -> TileLayer | None:
    return tile_layer_of(json.dumps({"tile_layer_url": URL, **fields}), longitude_first=longitude_first)


def annotations(*geometries: dict[str, Any]) -> list[Annotation]:
    lines = [{"name": "a", "dataRow": {"globalKey": "a"}, **geometry} for geometry in geometries]
    return annotations_of([(bytes([*([0] * 15), n]), ndjson([line])) for n, line in enumerate(lines)], CLASSES)


def point(x: float, y: float) -> dict[str, Any]:
    return {"point": {"x": x, "y": y}}


def box(left: float, top: float, width: float, height: float) -> dict[str, Any]:
    return {"bbox": {"left": left, "top": top, "width": width, "height": height}}


def drawn(plane: Plane, number: int) -> Shape:
    return next(shape for annotation, shape in plane.canvas.shapes if annotation.number == number)


LATITUDE_FIRST = [[19.4056, -99.2105], [19.4004, -99.2053]]
LONGITUDE_FIRST = [[-99.2105, 19.4056], [-99.2053, 19.4004]]


@pytest.mark.parametrize(
    ("fields", "corners"),
    [
        ({"epsg": "EPSG4326"}, LATITUDE_FIRST),
        ({"epsg": "EPSG3857"}, LATITUDE_FIRST),
        ({}, LATITUDE_FIRST),
        ({"epsg": "EPSG4326", "version": 1}, LATITUDE_FIRST),
        ({"epsg": "EPSG4326", "version": 2}, LONGITUDE_FIRST),
        ({"epsg": "Simple"}, LONGITUDE_FIRST),
        ({"epsg": "SIMPLEPIXEL"}, LONGITUDE_FIRST),
        ({"epsg": "Simple", "version": 1}, LATITUDE_FIRST),
    ],
)
def test_the_corners_of_a_tile_layer_are_read_as_its_version_or_its_system_says(
    fields: dict[str, Any], corners: list[list[float]]
) -> None:
    for given_corners in (corners, corners[::-1]):
        found = layer(bounds=given_corners, **fields)
        assert found is not None
        assert found.bounds == MEXICO


def test_a_layer_that_names_neither_is_read_as_its_project_s_medium_says() -> None:
    found = layer(longitude_first=True, bounds=LONGITUDE_FIRST)
    assert found is not None
    assert found.bounds == MEXICO


def test_tile_layers_have_either_spelling_of_their_keys() -> None:
    row_data = json.dumps({"tileLayerUrl": URL, "bounds": LATITUDE_FIRST, "minZoom": 12, "maxZoom": 20})
    found = tile_layer_of(row_data, longitude_first=False)
    assert found == TileLayer(URL, MEXICO, (12, 20), None)
    assert found.zoom == "12 to 20"


@pytest.mark.parametrize(
    "row_data",
    [
        *(None, "", "https://tiles.example.org/1.tif", "[]", "{", '{"a": 1}', '{"tile_layer_url": 7}', '"{"'),
        json.dumps({"tile_layer_url": URL, "name": "x" * 100_000}),
        "{" * 5000,
    ],
)
def test_row_data_of_another_kind_is_no_tile_layer(row_data: str | None) -> None:
    assert tile_layer_of(row_data, longitude_first=False) is None


@pytest.mark.parametrize(
    "bounds",
    [
        *(None, 7, "x", [], [[1, 2]], [[1, 2], [3]], [[1, 2], [3, 4], [5, 6]], [[1, 2], [1, 4]], [[1, 2], [3, 2]]),
        *([[1, 2], [3, "4"]], [[True, False], [3, 4]], [[1, 2], [3, 1e300]], {"0": [1, 2], "1": [3, 4]}),
    ],
)
@pytest.mark.parametrize("zoom", ["x", -1, 1.5, True, 10**30])
def test_what_a_tile_layer_says_in_another_form_is_not_known(bounds: Any, zoom: Any) -> None:
    found = layer(bounds=bounds, min_zoom=zoom, max_zoom=zoom, epsg=[zoom])
    assert found == TileLayer(URL, None, (None, None), None)
    assert found.zoom == ""


AXES = st.tuples(st.floats(-180, 180), st.floats(1e-4, 360), st.floats(450, 1000))


@given(AXES, st.sampled_from(["", "EW", "NS"]))
def test_lines_are_at_round_coordinates_and_their_labels_have_space(
    axis: tuple[float, float, float], sides: str
) -> None:
    start, span, length = axis
    end = start + span
    found = ticks(start, end, length, sides)
    values = [line.value for line in found]
    assert values == sorted(values)
    assert all(start - span / 1e9 <= value <= end + span / 1e9 for value in values)
    places = [((line.value - start) / (end - start) * length, line.space / 2) for line in found if line.label]
    for (place, half), (following, following_half) in pairwise(places):
        assert place + half <= following - following_half + 1e-6
    assert all(half <= place + 1e-6 and place <= length - half + 1e-6 for place, half in places)
    assert len({line.label for line in found if line.label}) == len(places)


@pytest.mark.parametrize(
    ("start", "end", "sides", "labels"),
    [
        (8.6977, 8.7093, "EW", ["", "8.700° E", "8.702° E", "8.704° E", "8.706° E", "8.708° E"]),
        (-100, 260, "EW", ["", "50° W", "0°", "50° E", "100° E", "150° E"]),
        (-200, 200, "NS", ["50° S", "0°", "50° N"]),
        (-600, 12_600, "", ["0", "2,000", "4,000", "6,000", "8,000", "10,000", ""]),
    ],
)
def test_lines_say_on_which_side_of_the_earth_they_are(start: float, end: float, sides: str, labels: list[str]) -> None:
    assert [line.label for line in ticks(start, end, 1000, sides)] == labels


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((8.70214, 53.86991), "53.86991° N, 8.70214° E"),
        ((-99.2105, -19.4), "19.4° S, 99.2105° W"),
        ((0, 90), "90° N, 0°"),
        ((-1e-9, 12.3456789), "12.345679° N, 0°"),
    ],
)
def test_places_on_earth_are_said_with_the_latitude_first(place: tuple[float, float], said: str) -> None:
    assert spot(place) == said


PLACES = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
CORNERS = st.lists(PLACES, min_size=2, max_size=2, unique=True)


@given(st.lists(PLACES, min_size=1, max_size=8), st.none() | CORNERS, st.booleans())
@of([(0.0, 90.0), (180.0, -90.0)], None, True)
@of([(179.999999, 89.999999)], None, True)
def test_every_shape_lies_on_the_plane_or_the_list_says_why_not(
    places: list[tuple[float, float]], corners: list[tuple[float, float]] | None, degrees: bool
) -> None:
    bounds = [list(corner) for corner in corners] if corners else None
    shapes = annotations(*(point(*place) for place in places))
    plane = plane_of(shapes, layer(bounds=bounds, version=2), degrees=degrees)
    canvas = plane.canvas
    assert {item.number for item in shapes} == canvas.drawn | {
        number for number, note in canvas.notes.items() if note.endswith("not drawn")
    }
    for _, shape in canvas.shapes:
        assert plane.margin - 1e-6 <= shape.center[0] <= canvas.width + 1e-6
        assert -1e-6 <= shape.center[1] <= canvas.height - plane.margin + 1e-6
    assert 0.4 < (canvas.height - plane.margin) / (canvas.width - plane.margin) < 1.3
    assert all(math.isfinite(x) for x, _ in [*plane.across, *plane.up])


def test_north_is_up_and_east_is_right_and_pixels_count_downwards() -> None:
    shapes = annotations(point(8.7, 53.8), point(8.8, 53.9))
    for degrees, above in ((True, 2), (False, 1)):
        plane = plane_of(shapes, None, degrees=degrees)
        first, second = drawn(plane, 1).center, drawn(plane, 2).center
        assert first[0] < second[0]
        assert (second[1] < first[1]) is (above == 2)


@pytest.mark.parametrize("latitude", [0.0, 53.87, -60.0])
def test_a_square_on_the_ground_is_drawn_as_a_square(latitude: float) -> None:
    width = 0.001 / math.cos(math.radians(latitude))
    shape = drawn(plane_of(annotations(box(8.7, latitude, width, 0.001)), None, degrees=True), 1)
    (left, top), (right, bottom) = shape.top_left, shape.bottom_right
    assert (right - left) / (bottom - top) == pytest.approx(1, rel=1e-3)


def test_a_box_is_the_same_from_its_northern_and_from_its_southern_edge() -> None:
    plane = plane_of(annotations(box(8.7, 53.8, 0.2, 0.1), box(8.7, 53.9, 0.2, -0.1)), None, degrees=True)
    assert drawn(plane, 1).area == pytest.approx(drawn(plane, 2).area)
    assert drawn(plane, 1).top_left == pytest.approx(drawn(plane, 2).top_left)
    assert [item.where for item in plane.annotations] == ["53.8° N, 8.7° E to 53.9° N, 8.9° E"] * 2


def test_shapes_outside_of_the_tile_layer_are_noted_and_those_far_away_not_drawn() -> None:
    inside, beside, swapped, across = (
        point(-99.2080, 19.4030),
        point(-99.2110, 19.4030),
        point(19.4030, -80.2080),
        box(-99.2110, 19.4030, 0.003, 0.001),
    )
    plane = plane_of(annotations(inside, beside, swapped, across), layer(bounds=LATITUDE_FIRST), degrees=True)
    assert plane.canvas.notes == {
        2: "outside the bounds of the tile layer",
        3: "far outside the bounds of the tile layer, not drawn",
    }
    assert plane.canvas.drawn == {1, 2, 4}
    assert plane.bounds_text == "19.4004° N, 99.2105° W to 19.4056° N, 99.2053° W"


@pytest.mark.parametrize("huge", [1e10, 1e300, -1.7e308])
def test_shapes_at_huge_coordinates_do_not_squeeze_the_others(huge: float) -> None:
    lines = [{"x": 0, "y": 0}, {"x": huge, "y": 1}]
    plane = plane_of(annotations(point(10, 20), {"line": lines}, point(1, huge)), None, degrees=False)
    assert plane.canvas.notes == dict.fromkeys((2, 3), "too far away, not drawn")
    assert plane.canvas.drawn == {1}
    assert all(math.isfinite(x) for x, _ in plane.across)


def test_a_relationship_is_drawn_only_between_shapes_that_are() -> None:
    ids = [f"00000000-0000-0000-0000-{number:012x}" for number in range(3)]
    links = [{"relationship": {"source": ids[0], "target": target}} for target in ids[1:]]
    plane = plane_of(annotations(point(0, 0), point(1, 1), point(0, 1e300), *links), None, degrees=False)
    assert [edge.number for edge, _, _ in plane.canvas.links] == [4]


def test_a_plane_without_annotations_shows_its_tile_layer() -> None:
    plane = plane_of([], layer(bounds=LATITUDE_FIRST), degrees=True)
    assert plane.bounds is not None
    assert plane.bounds[0] > plane.margin
    assert plane_of([], None, degrees=True).bounds is None


def test_a_shape_of_very_many_points_is_drawn_with_fewer_also_on_a_plane() -> None:
    vertices = [{"x": n % 179, "y": (n // 179) % 89} for n in range(60_000)]
    plane = plane_of(annotations({"line": vertices}), None, degrees=True)
    assert drawn(plane, 1).path.count("L") < 50_000
    assert plane.canvas.notes == {1: "drawn with fewer points"}


def test_tiled_imagery_has_its_annotations_on_a_plane(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "elbe-tiles", "tiles/elbe-mouth")
    drawing = page.one("svg", of="drawing")
    assert len(drawing.all("g", of="shape")) == 7
    assert len(drawing.all("rect", of="bounds")) == 1
    assert "8.700° E" in [each.text for each in drawing.one("g", of="graticule").all("text")]
    facts = {each.one("dt").text: each.one("dd").text for each in page.one("dl", of="facts").all("div")}
    assert facts == {
        "Tiles": "https://tiles.example.org/elbe-mouth/{z}/{x}/{y}.png",
        "Zoom levels": "14 to 20",
        "Coordinates": "EPSG4326",
        "Bounds": "53.8671° N, 8.6982° E to 53.8719° N, 8.7074° E",
    }
    listed = entries(page)
    assert "vessel box hull state intact 53.8698° N, 8.6996° E to 53.8704° N, 8.7017° E" in listed
    assert "bollard point 8.7066° N, 53.8689° E far outside the bounds of the tile layer, not drawn" in listed


def test_plain_tiles_have_axes_in_pixels(sandbox: SandboxProcess, project: str) -> None:
    row_data = json.dumps({"tileLayerUrl": URL, "bounds": [[0, 0], [12_000, 6000]], "epsg": "Simple"})
    sandbox.project(project, HARBOUR, [{"globalKey": "a", "rowData": row_data}], mediaType="TMS_SIMPLE")
    sandbox.statuses(project, "1", [example("GEO-1", dataRow={"globalKey": "a"}, point={"x": 8000, "y": 5000})])
    page = only_row(sandbox, project)
    assert "2,000" in [each.text for each in page.one("g", of="graticule").all("text")]
    assert "counted from the top left (assumed)" in page.one("figcaption").text
    assert entries(page) == ["bollard point 8000, 5000"]


def test_tiles_of_which_nothing_is_known_have_a_plane_as_large_as_the_annotations(
    sandbox: SandboxProcess, project: str
) -> None:
    sandbox.project(project, HARBOUR, mediaType="TMS_GEO")
    sandbox.statuses(project, "1", [example("GEO-2", 1)])
    page = only_row(sandbox, project)
    assert "No tile layer is known: the data row has no rowData" in page.one("figcaption").text
    assert page.all("rect", of="bounds") == []
    assert len(page.all("g", of="shape")) == 1


def test_no_text_of_a_tile_layer_is_markup(sandbox: SandboxProcess, project: str) -> None:
    row_data = json.dumps({"tile_layer_url": HOSTILE, "bounds": HOSTILE, "epsg": HOSTILE, "min_zoom": HOSTILE})
    sandbox.project(project, HARBOUR, [{"globalKey": "a", "rowData": row_data}], mediaType="TMS_GEO")
    page = only_row(sandbox, project)
    assert [each.text for each in page.one("dl", of="facts").all("dd")] == [HOSTILE, HOSTILE, "not known"]
    assert page.all("img") == []
    assert complaints(page) == []
