"""Programs in other languages publish through the one script, with a publisher's rights."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from prelabel.wire.frame import read_messages
from prelabel.wire.keys import ProjectKeys
from prelabel_worker.stack.redis_server import free_port
from tests.support.project import Project
from tests.support.publish_script import VECTORS, frames_in
from tests.support.redis_server import start_redis
from tests.support.sources import ROOT

PROGRAMS = {
    "node": ["node", str(ROOT / "examples/languages/publish.mjs")],
    "redis-cli": [str(ROOT / "examples/languages/publish.sh")],
}
installed = pytest.mark.parametrize(
    "program",
    [
        pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"))
        for name in PROGRAMS
    ],
)
RULES = re.findall(
    r"^ACL SETUSER (prelabel-publisher .*)$", (ROOT / "docs/how-to/run-in-production.md").read_text(), re.M
)
LINES = [
    text
    for case in json.loads(VECTORS.read_text("utf-8"))["cases"]
    for text in case["messages"]
    if "\n" not in text and "messageId" not in text
]


@contextmanager
def running(program: str, url: str, prefix: str, lines: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """Start the program with these lines as its input; it is ended after the block."""
    environment = {**os.environ, "PRELABEL_REDIS_URL": url, "PRELABEL_KEY_PREFIX": prefix}
    with tempfile.TemporaryFile("w+") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.seek(0)
        with subprocess.Popen(
            [*PROGRAMS[program], "demo-project"], env=environment, text=True,
            stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()


def without_ids(client: "redis.Redis", prefix: str) -> list[str]:
    lines = [line for frame in frames_in(client, prefix, "demo-project") for line in read_messages(frame)]
    return [re.sub(r'^\{"messageId":"[0-9a-f-]{36}",', "{", line.decode()) for line in lines]


@installed
def test_what_a_program_publishes_is_in_the_inbox_in_order(program: str, project: Project, redis_url: str) -> None:
    prefix = project.settings.key_prefix
    with running(program, redis_url, prefix, LINES) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, f"{len(LINES)} rows accepted\n", "")
    found = without_ids(project.client, prefix)
    assert sorted(found) == sorted(LINES)
    assert len(LINES) > 10
    of_one_row = [line for line in LINES if '"cam-0/0.jpg"' in line]
    assert [line for line in found if '"cam-0/0.jpg"' in line] == of_one_row


@installed
def test_a_program_with_a_publisher_s_rights_waits_for_redis_and_loses_nothing(program: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://prelabel-publisher:a%20secret@127.0.0.1:{port}/0"
    lines = [LINES[0].replace("cam-1/000184", f"cam-1/{at}") for at in range(1200)]
    with running(program, url, "prelabel", lines) as process:
        assert process.stderr is not None
        assert "Redis is away" in process.stderr.readline()
        (rule,) = RULES
        users = tmp_path / "users.acl"
        password = hashlib.sha256(b"a secret").hexdigest()
        users.write_text(f"user default on nopass ~* &* +@all\nuser {rule.replace('>CHANGE-ME', f'#{password}')}\n")
        server = start_redis(tmp_path, "--save", "", "--port", str(port), "--aclfile", str(users))
        client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
        try:
            out, err = process.communicate(timeout=60)
            assert out == "1200 rows accepted\n", err
            assert client.hget(ProjectKeys("prelabel", "demo-project").counts, "published") == b"1200"
            assert sorted(without_ids(client, "prelabel")) == sorted(lines)
        finally:
            client.close()
            server.terminate()
            server.wait(10)


@installed
def test_a_program_ends_with_redis_s_words_where_waiting_does_not_help(program: str, project: Project) -> None:
    project.client.hset(ProjectKeys(project.settings.key_prefix, "demo-project").meta, "lanes", "many")
    url = f"unix://{project.client.connection_pool.connection_kwargs['path']}?db=0"

    with running(program, url, project.settings.key_prefix, LINES[:1]) as process:
        _, err = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "KEYS-DIFFER" in err


@installed
def test_a_url_with_a_password_and_no_user_logs_in(program: str, tmp_path: Path) -> None:
    """As the URL of the stack that `prelabel up` runs."""
    port = free_port()
    server = start_redis(tmp_path, "--save", "", "--port", str(port), "--protected-mode", "no")
    client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
    client.config_set("requirepass", "a-secret")
    try:
        with running(program, f"redis://:a-secret@127.0.0.1:{port}/0", "prelabel", LINES[:1]) as process:
            out, err = process.communicate(timeout=60)
        assert (out, err) == ("1 row accepted\n", "")
    finally:
        client.close()
        server.terminate()
        server.wait(10)
