"""Tools that are run for real, in environments of their own: what they write is read, published and imported.

`make frameworks` makes the environments, runs these tests and prints a table of what they found. Elsewhere one test is
skipped, which says so.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import Publisher
from prelabel.validation.gate import read_message
from prelabel_worker.ontology.inference import Inference
from tests.frameworks.environments import ROOT, is_made, python_of
from tests.frameworks.tools import ENVIRONMENTS, TOOLS, Tool
from tests.support.reading import read
from tests.support.rig import Rig
from tests.support.sandbox.process import SandboxProcess

NewRig = Callable[[], Rig]

_FILES = ("categories", "images", "masks", "texts")
_ALL = {environment.name: environment for environment in ENVIRONMENTS}
_NAMES = os.environ.get("PRELABEL_TOOLS", "").split(",")
CHOSEN = [pytest.param(tool, id=tool.name) for tool in TOOLS if tool.name in _NAMES]
NONE = pytest.param(
    None, id="none", marks=pytest.mark.skip(reason="make frameworks runs tools in environments of their own")
)


@pytest.fixture
def new_rig(client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess) -> Iterator[NewRig]:
    """Return a function that makes rigs that see nothing of each other: each has a prefix of its own."""
    made: list[Rig] = []

    def make() -> Rig:
        made.append(Rig(client, redis_url, f"{prefix}x{len(made)}", sandbox))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("tool", CHOSEN or [NONE])
def test_what_a_tool_writes_is_read_and_imported_whole(
    tool: Tool, new_rig: NewRig, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for command in tool.commands:
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not on this machine")
    environment = _ALL[tool.environment]
    assert is_made(environment), f"run python -m tests.frameworks {tool.name}"
    own = new_rig()  # for a program that publishes by itself
    report = run(tool, python_of(environment), tmp_path, own)
    rows = []
    for output in report["outputs"]:
        rig = own if output["format"] == "published" else new_rig()
        if rig is not own:
            publish(output, tmp_path, rig)
        status = rig.settle()
        assert (status.published, status.imported, status.dead) == (output["rows"], output["rows"], 0), output["what"]
        rows.append([report["tool"], output["what"], output["records"], status.published, status.imported])
    assert rows
    request.node.user_properties.append(("rows", json.dumps(rows)))  # for the report that `make frameworks` reads


def run(tool: Tool, python: Path, folder: Path, rig: Rig) -> dict[str, Any]:
    """Run the program of a tool, and return what it reports."""
    settings = rig.settings
    place = [str(folder), settings.redis_url.get_secret_value(), settings.key_prefix, rig.project.id]
    done = subprocess.run(
        [python, "-m", f"tests.frameworks.programs.{tool.name}", *place],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return report


def publish(output: dict[str, Any], folder: Path, rig: Rig) -> None:
    """Publish the messages of an output into a project whose ontology is inferred from them."""
    messages = messages_of(output, folder)
    inference = Inference()
    for message in messages:
        message["projectId"] = rig.project.id
        inference.add(*read_message(json.dumps(message).encode()), output["what"])
    proposal = inference.proposal()
    assert proposal.conflicts == ()
    rig.sandbox.project(rig.project.id, proposal.ontology, mediaType=output["media"])
    with Publisher(rig.settings.redis_url.get_secret_value(), key_prefix=rig.settings.key_prefix) as publisher:
        for message in messages:
            publisher.publish(message)


def messages_of(output: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the messages in what a tool wrote, after asserting that no record of it is bad beyond what is expected."""
    path = folder / output["file"]
    if output["format"] == "messages":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    options = {name: folder / value if name in _FILES else value for name, value in output["options"].items()}
    messages, bad = read(output["format"], path, **options)
    assert len(bad) == output["bad"], bad
    return messages
