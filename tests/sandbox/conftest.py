"""One sandbox process for all tests, and a project for each test; faults and settings are reset after each test."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sandbox.assets import ASSETS, PROJECTS
from tests.support.sandbox.cars import CARS
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.session import sandbox_process

__all__ = ["sandbox_process"]

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


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> Iterator[SandboxProcess]:
    switches = dict.fromkeys(("strictContentLength", "strictFormat", "deleteKeepsPreLabels", "refuseEmptyFile"), False)
    sandbox_process.control("POST", "/settings", {**DEFAULTS, **switches})
    yield sandbox_process
    sandbox_process.control("POST", "/settings", {**DEFAULTS, **switches})  # fixtures of modules use it, too
    sandbox_process.control("DELETE", "/faults")


@pytest.fixture
def tasks(sandbox: SandboxProcess) -> SandboxProcess:
    """Yield the sandbox; its tasks have no minimum duration."""
    sandbox.control("POST", "/settings", {"secondsPerTask": 0})
    return sandbox


@pytest.fixture
def project(sandbox: SandboxProcess) -> str:
    """Create a project of cars that accepts any data row, and return its id."""
    project_id = f"c{secrets.token_hex(12)}"
    sandbox.project(project_id, CARS)
    return project_id


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Return a function that starts sandboxes for this test alone, all on the same folder."""
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
