"""A sandbox for all tests of a folder: its `conftest.py` imports the fixture, and resets the faults and settings."""

from collections.abc import Iterator

import pytest

from tests.support.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    started = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0")
    yield started
    started.stop()
