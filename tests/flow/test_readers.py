"""Files of other people's formats through the command, Redis, workers and the sandbox."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from prelabel.annotations.png import read_png
from prelabel.readers import FORMATS
from tests.support.flow import Flow, run_in

MAPPING = """
global_key = "cam-1/{image_id:06d}.jpg"
confidence = 0.5
[classes]
boat = "vessel"
gull = { drop = true }
"""
RLE = {"size": [2, 3], "counts": "121O0"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Make a folder with results, categories and a mapping."""
    results = [
        {"image_id": 1, "category_id": 1, "segmentation": RLE, "score": 0.9},
        {"image_id": 1, "category_id": 1, "segmentation": {"size": [2, 3], "counts": [5]}, "score": 0.9},
        {"image_id": 2, "category_id": 1, "segmentation": RLE, "score": 0.4},
        {"image_id": 2, "category_id": 2, "segmentation": RLE, "score": 0.9},
        {"image_id": 3, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]},
    ]
    images = [{"id": 3, "width": 4, "height": 2}]
    names = [{"id": 1, "name": "boat"}, {"id": 2, "name": "gull"}]
    (tmp_path / "found.json").write_text(json.dumps(results))
    (tmp_path / "known.json").write_text(json.dumps({"images": images, "categories": names}))
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "turns.rttm").write_text("SPEAKER a 1 0 1 <NA> <NA> pilot <NA> <NA>\n")
    return tmp_path


def test_segmentation_arrives_as_masks_through_a_mapping(flow: Flow, files: Path) -> None:
    flow.create(tools=[{"tool": "raster-segmentation", "name": "vessel"}])
    known = ["--categories", "known.json", "--images", "known.json", "--mapping", "mapping.toml"]
    where = ["--project", flow.project, "--redis-url", flow.stack.file.redis_url]

    done = run_in(files, "publish", "found.json", "--format", "coco-segmentation", *known, *where)

    assert done.returncode == 1, done.stderr
    assert done.stdout == "published 3, refused 1\n"  # with image 2, of which nothing is left
    assert "found.json[1]: segmentation.counts: expected 2 x 3 = 6 pixels, found 5 pixels" in done.stderr
    assert "left out: 1 below the minimum confidence" in done.stderr
    assert "left out: 1 of classes that are dropped" in done.stderr
    status = flow.settled()
    assert (status.imported, status.skipped) == (2, 1)
    masks = {}
    for line in flow.pre_labels():
        assert line["name"] == "vessel"
        rows = read_png(base64.b64decode(line["mask"]["png"])).rows
        masks[line["dataRow"]["globalKey"]] = [list(row) for row in rows or ()]
    assert masks == {"cam-1/000001.jpg": [[0, 1, 1], [1, 0, 0]], "cam-1/000003.jpg": [[1, 1, 0, 0], [1, 1, 0, 0]]}


def test_of_a_cut_off_file_nothing_is_published(flow: Flow, files: Path) -> None:
    (files / "cut.json").write_text('[3, {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, {"image_id": 1,')
    where = ["--project", flow.project, "--redis-url", flow.stack.file.redis_url, "--categories", "known.json"]

    done = run_in(files, "publish", "cut.json", "--format", "coco-results", *where)

    assert (done.returncode, done.stdout) == (1, "published 0, refused 2\n")
    assert "nothing more was read: cut.json, [2]: not JSON" in done.stderr


def test_frames_from_0_publish_nothing_until_the_option_that_the_error_names_is_typed(flow: Flow, files: Path) -> None:
    ontology = {"tools": [{"tool": "rectangle", "name": "object"}], "classifications": []}
    body = {"id": flow.project, "ontology": ontology, "dataRows": "any", "mediaType": "VIDEO"}
    flow.control("POST", "projects", body)
    lines = [f"{frame},1,1{frame},20,30,40,0.9,-1,-1,-1\n" for frame in range(3)]
    (files / "lock.txt").write_text("no box\n" + "".join(lines))
    words = ["publish", "lock.txt", "--format", "mot", "--project", flow.project]
    words += ["--redis-url", flow.stack.file.redis_url]

    refused = run_in(files, *words)

    assert (refused.returncode, refused.stdout) == (1, "published 0, refused 2\n")
    assert "lock.txt, line 2: frame: expected 1 or more, found 0" in refused.stderr
    assert refused.stderr.rstrip().endswith("Type --first-frame 0")
    (files / "lock.txt").write_text("".join(lines))
    assert run_in(files, *words).returncode == 2
    assert flow.status().published == 0

    done = run_in(files, *words, "--first-frame", "0")

    assert (done.returncode, done.stdout) == (0, "published 1, refused 0\n")
    assert flow.settled().imported == 1
    (line,) = flow.pre_labels()
    keyframes = line["segments"][0]["keyframes"]
    assert [(keyframe["frame"], keyframe["bbox"]["left"]) for keyframe in keyframes] == [(1, 10), (2, 11), (3, 12)]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["turns.rttm", "--format", "rttm"], "rttm needs --project: its records do not name one"),
        (["turns.rttm", "--format", "rttm", "--media", "video", "-p", "p"], "give --frame-rate"),
        (["turns.rttm", "--format", "rttm", "--images", "x", "-p", "p"], "--images means nothing to --format rttm"),
        (["turns.rttm", "--format", "messages", "--model", "m"], "--model means nothing to --format messages"),
        (["turns.rttm", "--format", "ttml"], "expected one of auto, messages, ndjson, outputs, coco-results"),
        (["found.json", "--format", "coco-results", "-p", "p"], "give --categories"),
        (["none.json", "--format", "coco-captions", "-p", "p"], "none.json: No such file"),
        (["turns.rttm", "--format", "rttm", "-p", "p", "--mapping", "found.json"], "found.json: not TOML"),
        (["found.json", "--format", "coco-captions", "-p", "p", "--global-key", "same"], "every image needs its own"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_options_that_a_format_needs_are_named(flow: Flow, files: Path, words: Sequence[str], problem: str) -> None:
    done = run_in(files, "publish", *words, "--redis-url", flow.stack.file.redis_url)

    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_format(tmp_path: Path) -> None:
    done = run_in(tmp_path, "publish", "--help")

    words = "".join(done.stdout.split())  # as wide as the terminal, broken behind hyphens too
    assert [name for name in FORMATS if name not in words] == []
