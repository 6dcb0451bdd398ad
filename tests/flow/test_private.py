"""Only its owner can read the files of the embedded stack, and no command line of it holds a secret."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from prelabel_worker.stack.stack import Stack
from tests.support.flow import SETTINGS, Flow, box
from tests.support.sandbox.process import SandboxProcess


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """In a folder that an earlier release left readable for everybody."""
    folder = tmp_path_factory.mktemp("private") / ".prelabel"
    (folder / "data").mkdir(parents=True, mode=0o755)
    (folder / "data" / "old").write_text("rows")
    (folder / "data" / "old").chmod(0o644)
    folder.chmod(0o755)
    (folder / "elsewhere").symlink_to(Path(__file__))
    before = os.umask(0o022)
    try:
        with Stack(folder, workers=1, settings=SETTINGS) as running:
            yield running
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    found = {path: path.lstat().st_mode for path in (folder, *folder.rglob("*"))}
    return {str(path): stat.S_IMODE(mode) for path, mode in found.items() if not stat.S_ISLNK(mode)}


def test_nothing_of_the_stack_can_be_read_by_another_user(stack: Stack) -> None:
    client = stack.client()
    flow = Flow(stack, "private", client)
    flow.create()
    flow.publish(box("k1", project=flow.project))
    assert flow.settled().imported == 1
    client.close()

    found = modes(stack.folder)
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}
    names = {Path(path).name for path in found}
    assert {"redis.conf", "state.sqlite3", "stack.json", "worker1.log", "lock", "old"} <= names
    assert Path(__file__).stat().st_mode & 0o444, "where a link leads is left alone"


def test_no_command_line_of_the_stack_holds_a_secret(stack: Stack) -> None:
    lines = [
        " ".join(each.cmdline())
        for pid in stack.pids().values()
        for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    password = stack.file.redis_url.partition("://:")[2].partition("@")[0]

    assert len(lines) >= 3
    assert [line for line in lines if stack.file.labelbox_api_key in line or password in line] == []


def test_the_stack_s_sandbox_takes_the_stack_s_key_alone(stack: Stack) -> None:
    assert accepts(stack.file.sandbox_url, stack.file.labelbox_api_key)
    assert not accepts(stack.file.sandbox_url, "another")


def test_a_key_given_to_the_sandbox_command_is_on_no_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prelabel_worker.cli", "sandbox", "run", "--port", "0", "--api-key", "k3y-0815"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split('"')[3]
        line, allowed = psutil.Process(process.pid).cmdline(), [accepts(url, key) for key in ("k3y-0815", "another")]
        process.terminate()
    assert allowed == [True, False]
    assert "prelabel_sandbox" in line, "it has taken over the process"
    assert "k3y-0815" not in " ".join(line)
    assert {path: oct(mode) for path, mode in modes(tmp_path / ".prelabel").items() if mode & 0o077} == {}


def test_a_sandbox_alone_tightens_what_it_kept_and_nothing_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SandboxProcess(tmp_path).stop()
    (tmp_path / "another").write_text("of somebody else")
    for name in ("state.sqlite3", "imports", "another"):
        (tmp_path / name).chmod(0o755)

    SandboxProcess(tmp_path).stop()

    found = {path.removeprefix(f"{tmp_path}"): mode for path, mode in modes(tmp_path).items()}
    assert {path for path, mode in found.items() if mode & 0o077} == {"", "/another"}


def accepts(url: str, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/graphql", json={"query": "{ __typename }"}, headers=headers, trust_env=False)
    return "AUTHENTICATION_ERROR" not in answer.text
