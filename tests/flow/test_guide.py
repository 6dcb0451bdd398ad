"""The guide does what it says: its commands as they stand in a shell, and in this process for each media type."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from prelabel_worker.cli.main import app
from tests.support.flow import Flow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial/from-data-rows-to-pre-labels.md").read_text("utf-8")
SCRIPT = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
TABLE = re.findall(r"\| `(\w+)`[^|]* \| \[examples/rows/(\w+)\.ndjson\].*\| \[examples/media/\2\.ndjson\]", PAGE)


def outcomes(folder: Path, name: str = "image") -> list[str]:
    return [json.loads(line)["outcome"] for line in (folder / f"{name}-report.ndjson").read_text("utf-8").splitlines()]


def test_the_commands_of_the_guide_are_the_six_steps() -> None:
    words = re.findall(r"prelabel (\w+ ?\w*)", SCRIPT)

    assert words == [
        "dataset add", "ontology infer", "ontology create", "project create", "batch create", "validate examples",
        "project show", "publish examples",
    ]  # fmt: skip
    assert {name for _, name in TABLE} == {path.stem for path in (ROOT / "examples/media").glob("*.ndjson")}


@pytest.fixture
def folder(flow: Flow, tmp_path: Path) -> Path:
    """Make a folder with the examples, from which commands find the running stack."""
    for name in ("rows", "media", "assets"):
        (tmp_path / "examples" / name).mkdir(parents=True)
        for file in (ROOT / "examples" / name).iterdir():
            if file.is_file():
                (tmp_path / "examples" / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / ".prelabel").symlink_to(flow.stack.folder)
    return tmp_path


def test_the_guide_can_be_typed_as_it_stands(folder: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRELABEL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-euxc", SCRIPT], cwd=folder, env=clean | {"PATH": path}, capture_output=True, text=True,
        timeout=150, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert outcomes(folder) == ["imported", "imported"]


@pytest.mark.parametrize(("media_type", "name"), TABLE[1:], ids=[name for _, name in TABLE[1:]])
def test_each_line_of_the_table_goes_the_same_way(
    flow: Flow, folder: Path, monkeypatch: pytest.MonkeyPatch, media_type: str, name: str
) -> None:
    monkeypatch.chdir(folder)
    script = SCRIPT.replace("image", name).replace("IMAGE", media_type)
    variables: dict[str, str] = {}

    for line in filter(None, script.splitlines()):
        _type(line, variables)

    assert set(outcomes(folder, name)) == {"imported"}
    messages = [json.loads(line) for line in Path(f"examples/media/{name}.ndjson").read_text("utf-8").splitlines()]
    lines = flow.control("GET", f"projects/{variables['PROJECT']}/pre-labels").text.splitlines()
    assert len(lines) == sum(len(message["annotations"]) for message in messages)
    assert task_type(flow, variables["PROJECT"]) == ("OFFLINE_MODEL_CHAT_EVALUATION" if name == "chat" else None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("document", "a PDF with its text layer"),
        ("geospatial", "tiles with bounds and zooms"),
        ("conversational", "a conversation"),
        ("chat", "a chat with models"),
    ],
)
def test_the_example_rows_are_the_objects_that_the_page_shows(name: str, kind: str) -> None:
    (row,) = (ROOT / f"examples/rows/{name}.ndjson").read_text("utf-8").splitlines()
    shown = {match[0]: match[1] for match in re.findall(r"^\*\*(.*?)\.\*\*.*?```json\n(.*?)```", PAGE, re.M | re.S)}
    example = json.loads(shown[next(title for title in shown if title.lower() == kind.lower())])

    assert example.keys() == json.loads(row).keys()
    assert example["row_data"].keys() == json.loads(row)["row_data"].keys()


def task_type(flow: Flow, project: str) -> str | None:
    query = {"query": f'{{ project(where: {{id: "{project}"}}) {{ editorTaskType }} }}'}
    key = {"Authorization": f"Bearer {flow.stack.file.labelbox_api_key}"}
    answer = httpx.post(f"{flow.stack.file.sandbox_url}/graphql", json=query, headers=key, timeout=30)
    return answer.json()["data"]["project"]["editorTaskType"]  # type: ignore[no-any-return]


def _type(line: str, variables: dict[str, str]) -> None:
    """Return the words of a line as a shell expands them; also handle output that goes to a variable or a file."""
    assigned = re.fullmatch(r"(\w+)=\$\((.*)\)", line)
    command, _, file = (assigned[2] if assigned else line).partition(" > ")
    for variable, value in variables.items():
        command = command.replace(f"${variable}", value)
    done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert done.exit_code == 0, (command, done.output)
    if assigned:
        variables[assigned[1]] = done.stdout.strip()
    if file:
        Path(file).write_text(done.stdout, "utf-8")
