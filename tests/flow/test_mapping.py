"""The output of a model through the command, a mapping, Redis, workers and the sandbox."""

import json
from pathlib import Path

from prelabel import Publisher, read_mapping
from tests.support.flow import Flow, run_in

MAPPING = """
global_key = "{body.id}"
confidence = 0.5
[classes]
boat = "vessel"
[[routes]]
below = 0.7
projects = ["FIRST", "SECOND"]
[output]
tensors = "outputs"
box = "boxes.0"
box_format = "xyxy"
label = "classes.0"
labels = ["boat", "car"]
score = "scores.0"
model_size = [640, 640]
letterbox = true
width = 1280
height = 960
"""


def output(key: str, *boxes: list[float], score: float = 0.6) -> dict[str, object]:
    count = len(boxes)
    return {
        "id": key,
        "outputs": [
            {"name": "boxes", "shape": [1, count, 4], "data": [value for box in boxes for value in box]},
            {"name": "classes", "shape": [1, count], "data": [0] * count},
            {"name": "scores", "shape": [1, count], "data": [score] * count},
        ],
    }


def test_tensors_are_published_to_two_projects_once_and_superseded_from_python(flow: Flow, tmp_path: Path) -> None:
    second = Flow(flow.stack, f"{flow.project}-2", flow.client)
    second.create()
    (tmp_path / "mapping.toml").write_text(MAPPING.replace("FIRST", flow.project).replace("SECOND", second.project))
    lines = [output("a", [100, 180, 200, 280]), output("", [1, 2, 3, 4]), output("b", [1, 200, 3, 210], score=0.9)]
    (tmp_path / "outputs.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    words = [
        "publish",
        "outputs.ndjson",
        "--format",
        "outputs",
        "--mapping",
        "mapping.toml",
        "--report",
        "report.ndjson",
    ]
    words += ["--redis-url", flow.stack.file.redis_url]

    done, again = run_in(tmp_path, *words), run_in(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, "published 2, refused 1\n")
    assert "line 2: dataRow.globalKey: expected a text or a whole number as {body.id}" in done.stderr
    assert "left out: 1 data rows that no route takes" in done.stderr
    assert again.stdout == "published 0, refused 1, published before 2\n"
    for project in (flow, second):
        assert project.settled().imported == 1
        (line,) = project.pre_labels()
        assert (line["name"], line["dataRow"]["globalKey"]) == ("vessel", "a")
        assert line["bbox"] == {"left": 200, "top": 200, "width": 200, "height": 200}

    with Publisher(flow.stack.file.redis_url, mapping=read_mapping(tmp_path / "mapping.toml")) as publisher:
        publisher.publish(output("a", [100, 180, 150, 280]))

    for project in (flow, second):
        assert project.settled().imported == 2
        assert {line["bbox"]["width"] for line in project.pre_labels()} == {100}
