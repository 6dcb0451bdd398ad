"""Publishers and workers with no more rights in Redis than docs/operations.md gives them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel import Publisher, keys
from prelabel.client import open_client
from prelabel_worker.inspector import Inspector
from prelabel_worker.project_keys import ProjectKeys
from prelabel_worker.stack.redis_server import free_port
from tests.conftest import start_redis, wait_for
from tests.flow.conftest import box, run_in
from tests.sandbox.process import SandboxProcess
from tests.worker_process import environment, running_worker

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
PASSWORD = "of-a-test"
ROWS = 100


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., "redis.Redis"]]:
    """Starts a server with the users of the docs; answers a client that may everything."""
    started = []

    def start(*options: str) -> "redis.Redis":
        server = start_redis(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "always", *options)
        client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
        started.append((server, client))
        for line in re.findall(r"^ACL SETUSER .*$", OPERATIONS, re.MULTILINE):
            client.execute_command(*line.replace("CHANGE-ME", PASSWORD).split(" "))
        return client

    yield start
    for server, client in started:
        client.close()
        server.terminate()
        server.wait(10)


def publish(url: str, *messages: dict[str, Any]) -> None:
    with Publisher(url) as publisher:
        for each in messages:
            publisher.publish(each)


def test_the_users_of_the_docs_are_enough(
    serve: Callable[..., "redis.Redis"], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    port = free_port()
    admin = serve("--port", str(port))
    address = f"{PASSWORD}@127.0.0.1:{port}/0"
    told = environment(sandbox, redis_url=f"redis://prelabel-worker:{address}")
    with running_worker(tmp_path, told, "--concurrency", "1"):
        good = (box(f"k{n}", project="p", left=n) for n in range(ROWS))
        publish(f"redis://prelabel-publisher:{address}", *good, box("bad", "unknown", project="p"))
        wait_for(lambda: not Inspector(admin).status("p").pending, "all rows to settle")
        for command in ("audit", "dead discard -p p --all --yes"):
            assert run_in(tmp_path, *command.split(" "), **told).returncode == 0
        assert "BAD  redis" not in run_in(tmp_path, "doctor", **told).stdout
    status = Inspector(admin).status("p")
    assert (status.imported, status.discarded) == (ROWS, 1)
    assert admin.acl_log() == []


def be_hostile(client: "redis.Redis") -> None:
    """Everything that a publisher's rights allow: fifty projects whose keys are garbage, and names that are none."""
    for number in range(50):
        name = f"evil-{number}"
        root = keys.project_root(keys.DEFAULT_PREFIX, name)
        match number % 5:
            case 0:
                client.hset(f"{root}:timers", "x", "y")
            case 1:
                client.hset(f"{root}:meta", mapping={"lanes": 1_000_000_000, "form": "z"})
                client.zadd(f"{root}:timers", {"group": 0})
            case 2:
                client.zadd(
                    f"{root}:timers", {b"chunk:\xff": 0, b"\xfe": 0, "chunk:c1": 0, "chunk:c2": 0, "unknown": 0}
                )
                client.hset(f"{root}:chunk:c1", mapping={"state": "running", "lease": "x", "due": "x"})
                client.hset(f"{root}:chunk:c2", mapping={"state": "open", "lease": 0, "due": 0, "rows": "many"})
            case 3:
                client.zadd(f"{root}:meta", {"x": 1})
                client.zadd(f"{root}:timers", {"group": 0, "heal": 0, "expire": 0})
            case 4:
                client.hset(f"{root}:meta", mapping={"lanes": 1, "form": "k"})
                client.hset(f"{root}:inbox", mapping={"rows": 1, "0:rows": 1})
                client.rpush(f"{root}:lane:0", "garbage")
                client.zadd(f"{root}:timers", {"group": 0})
        client.zadd(keys.projects(keys.DEFAULT_PREFIX), {name: 0})
    names = dict.fromkeys([b"\xff\xfe", b"two words", *(b"\xff%d" % number for number in range(2_000))], 0)
    client.zadd(keys.projects(keys.DEFAULT_PREFIX), names)


def test_fifty_hostile_projects_made_with_a_publisher_s_rights_stop_no_honest_one(
    serve: Callable[..., "redis.Redis"], sandbox: SandboxProcess, tmp_path: Path
) -> None:
    port = free_port()
    admin = serve("--port", str(port))
    address = f"{PASSWORD}@127.0.0.1:{port}/0"
    told = environment(sandbox, redis_url=f"redis://prelabel-worker:{address}")
    hostile = open_client(f"redis://prelabel-publisher:{address}", 5)
    be_hostile(hostile)
    with running_worker(tmp_path, told, "--concurrency", "2"):
        for half in (range(ROWS // 2), range(ROWS // 2, ROWS)):
            publish(f"redis://prelabel-publisher:{address}", *(box(f"k{n}", project="p", left=n) for n in half))
            wait_for(lambda: not Inspector(admin).status("p").pending, "the honest rows to settle")
            be_hostile(hostile)  # the sum of what it can do, again and again
        assert run_in(tmp_path, "healthy", **told).returncode == 0
        for command in ("status", "dead list", "doctor", "metrics --once"):
            assert "Traceback" not in run_in(tmp_path, *command.split(" "), **told).stderr
        wait_for(lambda: len(Inspector(admin).quarantined()) >= 40, "the hostile projects to be quarantined")
        assert run_in(tmp_path, "project", "forget", "--malformed", "--yes", **told).returncode == 0
        assert Inspector(admin).malformed() == []
        wrong = ProjectKeys(admin).wrong("evil-0")
        assert wrong == ["timers"]
        assert run_in(tmp_path, "project", "forget", "evil-0", "--yes", **told).returncode == 0
    hostile.close()
    assert Inspector(admin).status("p").imported == ROWS
    assert "tick.broken" not in (tmp_path / "worker.log").read_text("utf-8")
    assert admin.acl_log() == []


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("prelabel-publisher", "HGETALL prelabel:{p}:frames"),
        ("prelabel-publisher", "DEL prelabel:{p}:frames"),
        ("prelabel-publisher", "RPUSH prelabel:celery:prelabel x"),
        ("prelabel-publisher", "HSET prelabel:account:{default} x 1"),
        ("prelabel-publisher", "HSET prelabel:quarantine p x"),
        ("prelabel-publisher", "FLUSHALL"),
        ("prelabel-worker", "FLUSHALL"),
        ("prelabel-worker", "KEYS *"),
        ("prelabel-worker", "CONFIG SET appendonly no"),
        ("prelabel-worker", "GET another-application"),
        ("prelabel-worker", "ACL LIST"),
    ],
)
def test_the_users_of_the_docs_may_no_more(
    serve: Callable[..., "redis.Redis"], tmp_path: Path, user: str, command: str
) -> None:
    serve()
    client = open_client(f"unix://{user}:{PASSWORD}@{tmp_path}/redis.sock", 5)

    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split(" "))
    client.close()
