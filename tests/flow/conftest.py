"""A whole stack of real processes: Redis, the sandbox, two workers. Each test has a project of its own."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, TOOLS, Flow, Run, run_in
from tests.support.sandbox.process import SandboxProcess


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """Yield a sandbox for this test alone, with project `p`."""
    process = SandboxProcess(tmp_path / "sandbox")
    process.project("p", {"tools": TOOLS, "classifications": []})
    yield process
    process.stop()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack for the tests of this folder; its workers would tick beside all other tests of the session."""
    with Stack(tmp_path_factory.mktemp("stack") / ".prelabel", workers=2, settings=SETTINGS) as running:
        yield running


@pytest.fixture
def flow(stack: Stack) -> Iterator[Flow]:
    client = stack.client()
    found = Flow(stack, f"p{secrets.token_hex(4)}", client)
    found.create()
    yield found
    found.control("DELETE", "faults")
    client.close()


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Return a folder with real files of others; a test that needs one is skipped if it is missing."""

    def find(name: str) -> Path:
        path = Path(__file__).parents[3] / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"no {path.name} beside the project")
        return path

    return find


@pytest.fixture
def run(flow: Flow) -> Run:
    """Return a function that runs `prelabel` in the folder of the stack's file."""
    return lambda *args, **options: run_in(flow.stack.folder.parent, *args, **options)
