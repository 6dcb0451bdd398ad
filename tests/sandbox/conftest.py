"""One sandbox process for all tests, a project for each; faults and settings go back after each."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.process import SandboxProcess

ASSETS = Path(__file__).parents[2] / "examples/assets"
PROJECTS = {each["project"]["id"]: each for each in json.loads((ASSETS / "projects.json").read_text())}
CARS = {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}
DEFAULTS = {
    "requestsPerMinute": None,
    "duplicateNames": "refuse",
    "secondsPerImport": 0.0,
    "secondsPerTask": 0.2,
    "secondsUntilProcessed": 0.0,
    "fileSeconds": 86400.0,
    "failureWord": "FAILURE",
    "additionalInfo": True,
}


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    started = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0")
    yield started
    started.stop()


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    switches = dict.fromkeys(("strictContentLength", "strictFormat", "deleteKeepsPreLabels", "refuseEmptyFile"), False)
    running_sandbox.control("POST", "/settings", {**DEFAULTS, **switches})
    yield running_sandbox
    running_sandbox.control("DELETE", "/faults")


@pytest.fixture
def tasks(sandbox: SandboxProcess) -> SandboxProcess:
    """The sandbox, whose tasks take no longer than they need."""
    sandbox.control("POST", "/settings", {"secondsPerTask": 0})
    return sandbox


@pytest.fixture
def project(sandbox: SandboxProcess) -> str:
    """A project of cars in which every data row is."""
    project_id = f"c{secrets.token_hex(12)}"
    sandbox.project(project_id, CARS)
    return project_id


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Start sandboxes of one's own, all on the same folder."""
    started: list[SandboxProcess] = []

    def begin(*options: str, data: Path | str = tmp_path) -> SandboxProcess:
        started.append(SandboxProcess(data, *options))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.stop()


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox with the example projects, imported once."""
    options = ("--requests-per-minute", "0", "--seconds-per-import", "0", "--assets", str(ASSETS))
    started = SandboxProcess(tmp_path_factory.mktemp("harbour"), *options)
    for each in PROJECTS.values():
        started.control("POST", "/projects", each["project"])
        started.statuses(each["project"]["id"], "first", each["lines"])
    yield started
    started.stop()


def car(number: int = 1, key: str = "cam1-0001", **changes: Any) -> dict[str, Any]:
    """A box with a uuid of its own number."""
    line = {
        "uuid": f"0c4a7c1e-52a1-5a0b-9a53-{number:012x}",
        "name": "car",
        "dataRow": {"globalKey": key},
        "bbox": {"top": 5, "left": 6, "height": 70, "width": 80},
    }
    return {**line, **changes}
