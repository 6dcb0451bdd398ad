"""Plain Labelbox NDJSON through the commands: checked, published and imported as it was written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prelabel_worker.labelbox.ontology_cache import Catalog
from tests.support.flow import Flow, Run, run_in

FIRST = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"


@pytest.fixture
def run(flow: Flow) -> Run:
    return lambda *args, **options: run_in(flow.stack.folder.parent, *args, **options)


BBOX = {"bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}


def box(key: str, name: str = "vessel", left: float = 2, **fields: Any) -> dict[str, Any]:
    bbox = {"top": 1, "left": left, "height": 3, "width": 4}
    return {"dataRow": {"globalKey": key}, "name": name, "bbox": bbox, **fields}


def text_of(*lines: Any) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


SCATTERED = [
    box("a", uuid=FIRST),
    box("b"),
    box("a", left=5),
    {"dataRow": {"globalKey": "c"}, "name": "bollard"},
    box("b", left=6),
]


@pytest.mark.parametrize("form", [(), ("--format", "ndjson")], ids=["told", "forced"])
def test_scattered_lines_are_published_as_one_message_a_data_row_and_imported(
    flow: Flow, run: Run, tmp_path: Path, form: tuple[str, ...]
) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_text(text_of(*SCATTERED))

    done = run("publish", str(file), "--project", flow.project, *form)

    assert (done.returncode, done.stdout) == (1, "published 2, refused 1\n")
    assert "line 4: annotation: expected exactly one of bbox" in done.stderr
    status = flow.settled()
    assert (status.imported, status.superseded, status.dead) == (2, 0, 0)
    found = sorted((line["dataRow"]["globalKey"], line["bbox"]["left"]) for line in flow.pre_labels())
    assert found == [("a", 2), ("a", 5), ("b", 2), ("b", 6)]
    assert FIRST in {line["uuid"] for line in flow.pre_labels()}


def test_lines_from_standard_input_and_packed_ones(flow: Flow, run: Run, tmp_path: Path) -> None:
    good = [each for each in SCATTERED if "bbox" in each]
    file = tmp_path / "lines.ndjson.gz"
    file.write_bytes(gzip.compress(text_of(*good).encode()))

    piped = run("publish", "-", "--project", flow.project, "--model", "yolo", stdin=text_of(*good))
    packed = run("publish", str(file), "--project", flow.project, "--model", "sam")

    assert [(done.returncode, done.stdout) for done in (piped, packed)] == [(0, "published 2, refused 0\n")] * 2
    assert flow.settled().imported == 4
    assert len(flow.pre_labels()) == 7  # the producer's own uuid stands once


def test_messages_that_are_forced_take_no_plain_lines(flow: Flow, run: Run) -> None:
    whole = {"projectId": flow.project, "dataRow": {"globalKey": "a"}, "annotations": [{"name": "vessel"} | BBOX]}

    done = run("publish", "-", "--project", flow.project, "--format", "messages", stdin=text_of(box("b"), whole))

    assert (done.returncode, done.stdout) == (1, "published 1, refused 1\n")
    assert done.stderr.startswith("prelabel: line 1: ")
    assert flow.settled().imported == 1


def test_a_project_s_ontology_is_asked_for_and_then_taken_from_the_cache(flow: Flow, run: Run) -> None:
    lines = text_of(box("a"), box("a", "vesel"), box("b"))

    asked = run("validate", "-", "--project", flow.project, "--json", stdin=lines)

    assert asked.returncode == 1
    found = json.loads(asked.stdout)
    assert (found["lines"], found["valid"], found["invalid"]) == (3, 2, 1)
    assert found["byReason"] == {"unknown-feature": 1}
    assert [(each["line"], each["path"]) for each in found["errors"]] == [(2, "name")]
    assert Catalog(flow.client, "prelabel").get(flow.project) is None  # a check writes nothing
    run("publish", "-", "--project", flow.project, stdin=text_of(box("a")))
    flow.settled()
    flow.fault("503", seconds=60, operations="all")
    cached = run("validate", "-", "--project", flow.project, stdin=lines)
    assert cached.returncode == 1
    assert "3 lines: 2 valid, 1 invalid" in cached.stdout
    assert "did you mean vessel?" in cached.stdout


def test_a_project_that_cannot_be_asked_is_exit_code_4(flow: Flow, run: Run) -> None:
    unknown = run("validate", "-", "--project", "nobody", stdin=text_of(box("a")))

    assert unknown.returncode == 4
    assert "nobody" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_without_redis_and_labelbox_nothing_of_a_project_is_known(tmp_path: Path) -> None:
    away = {"PRELABEL_REDIS_URL": "redis://:s3cret@127.0.0.1:1/0", "PRELABEL_LABELBOX_API_KEY": "k"}
    done = run_in(
        tmp_path, "validate", "-", "--project", "p", **away, PRELABEL_LABELBOX_ENDPOINT="http://127.0.0.1:1/graphql"
    )

    assert done.returncode == 4
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., str]:
    def write(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def test_a_file_is_checked_offline_against_an_ontology_in_a_file(tmp_path: Path, files: Callable[..., str]) -> None:
    ontology = files("ontology.json", json.dumps({"tools": [{"tool": "rectangle", "name": "vessel"}] * 2}))
    single = files(
        "single.json", json.dumps({"tools": [{"tool": "rectangle", "name": "vessel"}], "mediaType": "IMAGE"})
    )
    lines = files("lines.ndjson", text_of(*[box(f"{at}") for at in range(30)], *[box("z", "x")] * 30))

    good = run_in(tmp_path, "validate", lines, "--ontology", single, "--limit", "3")
    doubtful = run_in(tmp_path, "validate", lines, "--ontology", ontology)

    assert (good.returncode, good.stderr) == (1, "")
    assert good.stdout.splitlines()[3:] == [
        "… and 27 more",
        "60 lines: 30 valid, 30 invalid",
        "        30  unknown-feature",
    ]
    assert good.stdout.startswith("line 31: name: expected a feature")
    assert "tools: 2 are called 'vessel'" in doubtful.stderr
    assert "--media-type" in doubtful.stderr
    assert run_in(tmp_path, "validate", lines).returncode == 0


@pytest.mark.parametrize(
    "args",
    [
        ["validate", "no-such-file"],
        ["validate", "-", "--ontology", "no-such-file"],
        ["validate", "-", "--ontology", "odd.json"],
        ["validate", "-", "--ontology", "empty.json"],
        ["validate", "-", "--ontology", "odd.json", "--project", "p"],
        ["validate", "-", "--media-type", "IMAGE"],
        ["validate", "odd.gz"],
        ["publish", "-", "--format", "ndjson"],
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_words_is_one_line_and_exit_code_2(
    tmp_path: Path, files: Callable[..., str], args: list[str]
) -> None:
    files("odd.json", "{")
    (tmp_path / "odd.gz").write_bytes(gzip.compress(b"{}\n")[:12])
    files("empty.json", "{}")

    done = run_in(tmp_path, *args, PRELABEL_REDIS_URL="redis://127.0.0.1:1/0")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    about_redis = "prelabel: no stack runs here"  # which Redis is used, when nothing names one
    assert len([line for line in done.stderr.splitlines() if not line.startswith(about_redis)]) == 1
