"""Sliced volumes: a drawing for each group of slices, with its lines and masks."""

import json
from typing import Any

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.pages.drawing.annotations import annotations_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.volume import Group, volume_of
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.markup import Element
from tests.support.sandbox.pages import entries, only_row, row_page
from tests.support.sandbox.process import SandboxProcess, ndjson

CLASSES = Classes(HARBOUR)


def groups(*lines: dict[str, Any], asset: Asset = UNKNOWN) -> list[Group]:
    annotations = annotations_of([(bytes([*([0] * 15), n]), ndjson([line])) for n, line in enumerate(lines)], CLASSES)
    return volume_of(annotations, CLASSES, asset, lambda annotation, mask, frame: f"/{annotation.number}/{frame}")


def line_through(*slices: int, group: str = "axial") -> dict[str, Any]:
    points = [{"x": 1, "y": 2}, {"x": 30, "y": 40}]
    keyframes = [{"frame": number, "line": points, "classifications": []} for number in slices]
    return example("DICOM-1", groupKey=group, segments=[{"keyframes": keyframes}])


def test_each_group_has_its_own_lines_and_masks() -> None:
    found = groups(example("DICOM-2"), line_through(7, 9), line_through(3, group="coronal"), line_through(8))
    assert [(group.name, group.film.drawn, group.film.keyframes) for group in found] == [
        ("axial", {2, 4}, [7, 8, 9]),
        ("sagittal", {1}, [3]),
        ("coronal", {3}, [3]),
    ]
    assert found[1].film.masks == {1: {3: "/1/3"}}


def test_a_group_ends_with_its_last_slice_unless_the_number_of_slices_is_known() -> None:
    assert [group.film.frames for group in groups(line_through(7), line_through(12, group="coronal"))] == [7, 12]
    assert [group.film.frames for group in groups(line_through(7), asset=Asset(frames=40))] == [40]


def test_a_group_begins_with_slice_0_if_a_line_names_it() -> None:
    assert [group.film.first for group in groups(line_through(0, 4), line_through(3, group="coronal"))] == [0, 1]


def test_answers_alone_have_no_slices() -> None:
    assert groups(example("GEO-2", 3)) == []


def film_of(page: Element, group: str) -> Any:
    (section,) = [each for each in page.all("section", of="film") if each.attributes["aria-labelledby"] == group]
    return json.loads(section.one("script").text)


def test_the_groups_of_a_volume_are_drawn_beside_the_list(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "crate-scans", "crate-ct/0091")
    assert [each.text for each in page.all("h2")] == ["Axial", "Sagittal", "4 pre-labels"]
    axial, sagittal = film_of(page, "axial"), film_of(page, "sagittal")
    assert [track["segments"][0][1][0] for track in axial["tracks"]] == [14]
    assert [list(frames) for frames in axial["masks"].values()] == [[str(number) for number in range(8, 21, 2)]]
    (frames,) = sagittal["masks"].values()
    assert harbour.http.get(f"{harbour.url}{frames['22']}").content.startswith(b"\x89PNG")
    assert len({each.attributes["id"] for each in page.all("filter")}) == len(page.all("filter")) == 2
    assert entries(page)[:2] == [
        "strap line 3 keyframes, slices 4–24, group axial",
        "void, metal masks of slices 7 slices, 8–20, group axial",
    ]


def test_slices_of_a_project_of_any_medium_are_drawn_too(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR, mediaType=None)
    sandbox.statuses(project, "1", [example("DICOM-1")])
    assert film_of(only_row(sandbox, project), "axial")["keyframes"] == [7]
