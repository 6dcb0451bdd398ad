"""Every real output at hand goes through the command, Redis, workers and the sandbox, and is read back and compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prelabel.readers.coco_keypoints import PERSON
from tests.support.flow import Flow, Run
from tests.support.reading import built, classification, read, real, tool

CATEGORIES, PANOPTIC = "coco-panoptic/categories.json", "coco-panoptic/panoptic_examples.json"
NAMED = {"categories": CATEGORIES}


def objects() -> list[str]:
    return [each["name"] for each in json.loads(real(CATEGORIES).read_text())]


def boxes(*names: str) -> dict[str, Any]:
    return {"tools": tool("rectangle", *(names or objects()))}


def masks() -> dict[str, Any]:
    return {"tools": tool("raster-segmentation", *objects())}


def points() -> dict[str, Any]:
    return {"tools": tool("point", *PERSON)}


def caption() -> dict[str, Any]:
    return {"classifications": [classification("text", "caption")]}


def speakers() -> dict[str, Any]:
    return {"classifications": [classification("checklist", "speaker", "FEE016", "FEE013", "MEO015", "MEE014")]}


# File, format, options of the reader that are files, the project's media type and its ontology.
FILES: list[tuple[str, str, dict[str, str], str, Callable[[], dict[str, Any]]]] = [
    ("coco/instances_val2014_fakebbox100_results.json", "coco-results", NAMED, "IMAGE", boxes),
    (
        "coco/instances_val2014_fakesegm100_results.json",
        "coco-segmentation",
        NAMED,
        "IMAGE",
        masks,
    ),
    ("coco/person_keypoints_val2014_fakekeypoints100_results.json", "coco-keypoints", NAMED, "IMAGE", points),
    ("coco/captions_val2014_fakecap_results.json", "coco-captions", {}, "IMAGE", caption),
    (PANOPTIC, "coco-panoptic", {"masks": "coco-panoptic/masks"}, "IMAGE", masks),
    ("coco-panoptic/panoptic_coco_detection_format.json", "coco-segmentation", {}, "IMAGE", masks),
    ("mot/TUD-Campus.test.txt", "mot", {}, "VIDEO", lambda: boxes("object")),
    ("mot/TUD-Stadtmitte.test.txt", "mot", {}, "VIDEO", lambda: boxes("object")),
    ("rttm/mixture.rttm", "rttm", {}, "AUDIO", speakers),
]


@pytest.mark.parametrize(("name", "form", "given", "media", "ontology"), FILES, ids=[Path(f[0]).name for f in FILES])
def test_a_real_output_is_imported_whole(
    flow: Flow,
    run: Run,
    name: str,
    form: str,
    given: dict[str, str],
    media: str,
    ontology: Callable[[], dict[str, Any]],
) -> None:
    path, options = real(name), {option: real(file) for option, file in given.items()}
    body = {"id": flow.project, "ontology": ontology(), "dataRows": "any", "mediaType": media}
    flow.control("POST", "projects", body)
    messages, bad = read(form, path, **options)
    assert bad == []

    flags = [word for option, file in options.items() for word in (f"--{option}", str(file))]
    done = run("publish", str(path), "--format", form, "--project", flow.project, *flags)

    assert done.stdout == f"published {len(messages)}, refused 0\n", done.stderr
    status = flow.settled()
    assert (status.imported, status.dead) == (len(messages), 0)
    assert values(flow.pre_labels()) == values(built(messages, media, **ontology()))


def values(lines: list[dict[str, Any]]) -> list[str]:
    """Return the lines without their uuids, which depend on the project."""
    return sorted(json.dumps({key: line[key] for key in line if key != "uuid"}, sort_keys=True) for line in lines)
