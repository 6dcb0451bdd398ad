"""Whose stack is used: the nearest, of this user, closed to everyone else, and running."""

import json
import os
from pathlib import Path

import pytest

from prelabel.stack_file import KEYS, NoStack, UntrustedStack, find_stack, read

WRITTEN = {
    "redisUrl": "redis://:pw@127.0.0.1:7/0",
    "brokerUrl": "redis://:pw@127.0.0.1:7/0",
    "labelboxEndpoint": "http://127.0.0.1:8/graphql",
    "labelboxApiKey": "sandbox-key",
    "sandboxUrl": "http://127.0.0.1:8",
    "pid": os.getpid(),
    "pids": {"redis": 1},
}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def make(parent: Path, **changes: object) -> Path:
    """A folder `.prelabel` with the file of a running stack."""
    folder = parent / ".prelabel"
    folder.mkdir(mode=0o700, parents=True)
    (folder / "stack.json").write_text(json.dumps(WRITTEN | changes))
    (folder / "stack.json").chmod(0o600)
    return folder


def ended_process() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_the_keys_of_the_file_stay() -> None:
    assert list(KEYS.values()) == [*WRITTEN, "consoleUrl", "gatewayUrl"]


def test_the_nearest_folder_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = make(tmp_path), make(tmp_path / "a", redisUrl="redis://inner/0")
    (tmp_path / "a" / "b" / ".prelabel").mkdir(parents=True)  # such as the spool's, without a stack

    monkeypatch.chdir(tmp_path / "a" / "b")
    assert find_stack()[0] == inner
    assert find_stack()[1].redis_url == "redis://inner/0"
    monkeypatch.chdir(tmp_path)
    assert find_stack()[0] == outer


def test_without_a_file_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NoStack, match=f"no stack runs in {tmp_path} or above it"):
        find_stack()


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"pid": 1}', json.dumps(WRITTEN | {"pid": "1"})])
def test_a_broken_file_is_no_stack(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path)
    (folder / "stack.json").write_text(text)

    with pytest.raises(NoStack, match="cannot be read"):
        read(folder)


@pytest.mark.parametrize("pid", [0, -1])
def test_a_number_that_is_no_process_is_no_running_stack(tmp_path: Path, pid: int) -> None:
    with pytest.raises(NoStack, match="has ended"):
        read(make(tmp_path, pid=pid))


def test_a_file_whose_process_is_gone_is_stale(tmp_path: Path) -> None:
    pid = ended_process()

    with pytest.raises(NoStack, match=f"has ended: its process {pid} is gone"):
        read(make(tmp_path, pid=pid))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = make(tmp_path)
    (folder / "stack.json").chmod(mode)

    with pytest.raises(UntrustedStack, match=f"stack.json is not used: expected mode 0600, found {mode:04o}"):
        read(folder)


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_folder_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = make(tmp_path)
    folder.chmod(mode)

    with pytest.raises(UntrustedStack, match=f"prelabel is not used: expected mode 0700, found {mode:04o}"):
        read(folder)


@AS_ROOT
@pytest.mark.parametrize("name", ["", "stack.json"])
def test_a_stack_file_of_another_user_is_not_used(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path)
    os.chown(folder / name, 12_345, -1)

    with pytest.raises(UntrustedStack, match="belongs to user 12345, and this process runs as user 0"):
        read(folder)


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "stack.json").rename(tmp_path / "elsewhere.json")
    (folder / "stack.json").symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(UntrustedStack, match="it is a link"):
        read(folder)


def test_a_link_of_this_user_in_place_of_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".prelabel").symlink_to(make(tmp_path))

    assert read(tmp_path / "here" / ".prelabel").redis_url == WRITTEN["redisUrl"]


@AS_ROOT
def test_a_link_of_another_user_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    link = tmp_path / "here" / ".prelabel"
    link.symlink_to(make(tmp_path))
    os.chown(link, 12_345, -1, follow_symlinks=False)

    with pytest.raises(UntrustedStack, match="belongs to user 12345"):
        read(link)


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "stack.json").unlink()
    os.mkfifo(folder / "stack.json", 0o600)

    with pytest.raises(UntrustedStack, match="not a regular file"):
        read(folder)
