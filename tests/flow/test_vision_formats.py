"""Outputs of models and tools for images go through the command, and are imported without a dead letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import Flow, Run
from tests.support.reading import built, classification, read, tool

GOLDEN = Path(__file__).parents[1] / "golden/vision"
SIZES = GOLDEN / "yolo/images.csv"
YOLO: dict[str, Any] = {"images": SIZES}
LABELS = ("clear", "fog", "crane", "mooring", "tug")


def ontology(*classifications: dict[str, Any], **kinds: str) -> dict[str, Any]:
    """Return an ontology with these tools, and a feature for each of their names between commas."""
    tools = [
        each | {"featureSchemaId": f"c{at:04d}{each['featureSchemaId'][5:]}"}
        for at, (kind, names) in enumerate(kinds.items(), 1)
        for each in tool(kind.replace("_", "-"), *names.split(", "))
    ]
    return {"tools": tools, "classifications": list(classifications)}


# What the files of a project have in common: its ontology; and for each, format, file and options.
PROJECTS: dict[str, tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]] = {
    "boxes": (
        ontology(
            classification("checklist", "label", *LABELS),
            rectangle="vessel, bollard, crane",
            polygon="hull",
            point="stern, bow, fairlead, mooring",
        ),
        [
            ("yolo", "yolo/detect", YOLO | {"global_key": "detect/{file}"}),
            ("yolo", "yolo/pose", YOLO | {"global_key": "pose/{file}"}),
            ("roboflow", "roboflow/000184.json", {}),
            ("roboflow", "roboflow/000186.json", {}),
            ("huggingface-vision", "huggingface/detection", {"global_key": "pipeline/{file}"}),
        ],
    ),
    "outlines": (
        ontology(classification("radio", "label", *LABELS), polygon="vessel, crane"),
        [
            ("yolo", "yolo/segment", YOLO | {"global_key": "segment/{file}"}),
            ("yolo", "yolo/obb", YOLO | {"global_key": "obb/{file}", "task": "obb"}),
            ("roboflow", "roboflow/000185.json", {}),
        ],
    ),
    "masks": (
        ontology(rectangle="crane", raster_segmentation="vessel, sky, water, quay"),
        [
            ("yolo", "yolo/segment", YOLO | {"outlines": "masks"}),
            ("huggingface-vision", "huggingface/outputs.jsonl", {"global_key": "pipeline/{file_name}"}),
        ],
    ),
    "regions": (
        ontology(
            classification("radio", "weather", "clear", "fog"),
            rectangle="vessel",
            polygon="crane, quay",
            point="bollard",
            line="rope",
            raster_segmentation="oil film",
        ),
        [
            ("label-studio", "label-studio/tasks.json", {}),
            ("geojson", "geojson/pixels.geojson", {}),
        ],
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_files_of_every_format_are_imported_whole(flow: Flow, run: Run, name: str) -> None:
    features, files = PROJECTS[name]
    body = {"id": flow.project, "ontology": features, "dataRows": "any", "mediaType": "IMAGE"}
    flow.control("POST", "projects", body)
    lines = []
    for form, file, options in files:
        messages, bad = read(form, GOLDEN / file, **options)
        assert bad == []
        flags = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        done = run("publish", str(GOLDEN / file), "--format", form, "--project", flow.project, *flags)
        assert done.stdout == f"published {len(messages)}, refused 0\n", done.stderr
        lines += built(messages, "IMAGE", **features)

    status = flow.settled()

    assert (status.dead, status.imported) == (0, status.published)
    assert values(flow.pre_labels()) == values(lines)


def values(lines: list[dict[str, Any]]) -> list[str]:
    """Return the lines without their uuids, which depend on the project."""
    return sorted(json.dumps({key: line[key] for key in line if key != "uuid"}, sort_keys=True) for line in lines)
