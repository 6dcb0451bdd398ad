"""The page of the mapping: its examples are run, and it has every key that is read, and no other."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import prelabel
from prelabel.mapping import classes, output_table, routes, sampling
from prelabel.mapping.file import KNOWN, mapping_of
from prelabel.testing import RecordingPublisher
from prelabel.validation.gate import prepare
from prelabel_worker.cli.main import app

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/mapping.md").read_text("utf-8")
GUIDE = (ROOT / "docs/how-to/map-model-outputs.md").read_text("utf-8")
BLOCK = re.compile(r"```(toml|json)\n(.*?)```", re.DOTALL)


def examples() -> list[tuple[str, str, str]]:
    """Return the mappings that are followed by a prediction and the message that it becomes."""
    blocks = BLOCK.findall(PAGE) + BLOCK.findall(GUIDE)
    kinds = [kind for kind, _ in blocks]
    return [
        (blocks[at][1], blocks[at + 1][1], blocks[at + 2][1])
        for at in range(len(blocks) - 2)
        if kinds[at : at + 3] == ["toml", "json", "json"]
    ]


@pytest.mark.parametrize(("table", "prediction", "message"), examples())
def test_a_prediction_becomes_the_message_that_the_page_shows(table: str, prediction: str, message: str) -> None:
    made, shown = mapping_of(tomllib.loads(table)).apply(json.loads(prediction)), json.loads(message)

    assert made == (shown if isinstance(shown, list) else [shown])
    for each in made:
        prepare(each)


def test_there_are_examples() -> None:
    assert len(examples()) == 9


@pytest.mark.parametrize("table", [text for kind, text in BLOCK.findall(PAGE) + BLOCK.findall(GUIDE) if kind == "toml"])
def test_every_mapping_on_the_pages_can_be_read(table: str) -> None:
    mapping_of(tomllib.loads(table))


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the guide writes, in which its code runs."""
    (tmp_path / "mapping.toml").write_text(BLOCK.findall(GUIDE)[0][1])
    (tmp_path / "outputs.ndjson").write_text(re.findall(r"<<'END'\n(.*?)END\n", GUIDE, re.DOTALL)[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_guide_do_what_it_says(guide: Path) -> None:
    how = ["outputs.ndjson", "--format", "outputs", "--mapping", "mapping.toml"]
    assert f"prelabel publish {' '.join(how)} --dry-run" in GUIDE
    assert f"prelabel ontology infer {' '.join(how)} > harbour-proposal.json" in GUIDE
    assert f"prelabel validate {' '.join(how)} --ontology harbour-ontology.json" in GUIDE

    tried = CliRunner().invoke(app, ["publish", *how, "--dry-run"])
    proposed = CliRunner().invoke(app, ["ontology", "infer", *how])
    (guide / "ontology.json").write_text(proposed.stdout)
    checked = CliRunner().invoke(app, ["validate", *how, "--ontology", "ontology.json"])

    assert "would publish 3, refuse 0" in tried.stdout
    assert [tool["name"] for tool in json.loads(proposed.stdout)["tools"]] == ["vessel", "bird"]
    assert (checked.exit_code, "3 lines: 3 valid, 0 invalid" in checked.stdout) == (0, True)


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
@pytest.mark.usefixtures("guide")
def test_the_code_of_the_guide_publishes(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RecordingPublisher] = []

    def publisher(_: str, mapping: prelabel.PredictionMapping | None = None) -> RecordingPublisher:
        made.append(RecordingPublisher(mapping=mapping))
        return made[-1]

    monkeypatch.setattr(prelabel, "Publisher", publisher)

    exec(code, {"__name__": "__main__"})

    made[0].assert_published("demo-project", data_row="cam-1/7.jpg", model="yolo11s", count=1)


def documented(section: str) -> set[str]:
    """Return the keys in the first column of the tables of a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`\[*(\w+)\]*(?: = \w+)?`", cell)}


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        ("All keys", KNOWN),
        ("Classes", classes.KNOWN),
        ("Sample", sampling.KNOWN),
        ("Routes", routes.KNOWN),
        ("Output", output_table.KNOWN),
    ],
)
def test_every_key_is_documented_and_no_other(section: str, keys: dict[str, object]) -> None:
    assert documented(section) == set(keys)
