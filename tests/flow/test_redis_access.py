"""Publishers and workers with no more rights in Redis than docs/how-to/run-in-production.md gives them."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from prelabel import Publisher
from prelabel.wire import keys
from prelabel.wire.client import open_client
from prelabel.wire.frame import HEADER
from prelabel_console.access.roles import Role
from prelabel_worker.quarantine.keys import KeyTypes
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.redis_server import free_port
from tests.support.console.browsing import Browser, console_settings, serving
from tests.support.flow import box, run_in
from tests.support.redis_server import start_redis
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

if TYPE_CHECKING:
    from redis.client import Pipeline

OPERATIONS = (Path(__file__).parents[2] / "docs/how-to/run-in-production.md").read_text("utf-8")
PASSWORD = "of-a-test"
ROWS = 100


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., "redis.Redis"]]:
    """Return a function that starts a server with the users of the docs and returns a client with all rights."""
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


def test_the_redis_users_of_the_docs_have_the_rights_that_they_need(
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
        url = told["PRELABEL_REDIS_URL"]
        with serving(open_client(url, 10), console_settings(url, keys.DEFAULT_PREFIX)) as (_, address):
            person = Browser(address, Role.ADMIN)
            for path in ("/", "/projects", "/projects/p", "/groups", "/dead", "/accounts", "/workers", "/actions"):
                assert person.get(path).status_code == 200, path
            assert "p is paused" in person.act("/projects/p/pause", {"for": "1800"})
            assert "p is resumed" in person.act("/projects/p/resume")
            person.http.close()
        for command in ("audit", "dead discard -p p --all --yes"):
            assert run_in(tmp_path, *command.split(" "), **told).returncode == 0
        assert "BAD  redis" not in run_in(tmp_path, "doctor", **told).stdout
    status = Inspector(admin).status("p")
    assert (status.imported, status.discarded) == (ROWS, 1)
    assert admin.acl_log() == []


HOSTILE_PROJECTS = 400
HASHES = ("meta", "inbox", "frames", "left", "counts", "held", "held:body", "held:rows", "overrides", "ontology")
OTHER_TYPES = ("timers", "chunks", "retrying", "dead", "seen", "history", "lane:0")
GARBAGE = "\u0000 99999999999999999999 nan -1 [/red]"


def with_a_lane(client: "Pipeline", root: str, *entries: bytes | str, rows: int = 1) -> None:
    client.hset(f"{root}:meta", mapping={"lanes": 1})
    client.hset(f"{root}:inbox", mapping={"rows": rows, "0:rows": rows})
    client.rpush(f"{root}:lane:0", *entries)
    client.zadd(f"{root}:timers", {"group": 0})


def make_hostile_project(client: "Pipeline", number: int) -> None:
    """Return one of a dozen kinds of garbage, by its number."""
    root = keys.project_root(keys.DEFAULT_PREFIX, f"Evil-{number}")
    turn, kind = divmod(number, 12)
    frame_id = f"{number:032x}"
    entry = f"f {frame_id} 1 3 100 0 1 1"
    match kind:
        case 0:
            client.hset(f"{root}:{OTHER_TYPES[turn % len(OTHER_TYPES)]}", "x", "y")
        case 1:
            client.zadd(f"{root}:{HASHES[turn % len(HASHES)]}", {"x": 1})
            client.zadd(f"{root}:timers", {"group": 0, "retry": 0, "expire": 0})
        case 2:
            client.hset(f"{root}:meta", mapping={"lanes": 1_000_000_000})
            client.zadd(f"{root}:timers", {"group": 0})
        case 3:
            client.zadd(f"{root}:timers", {b"chunk:\xff": 0, b"\xfe": 0, "chunk:c1": 0, "chunk:c2": "-inf", "x": "inf"})
            client.hset(f"{root}:chunk:c1", mapping={"state": "running", "lease": "x", "due": "x"})
            client.hset(f"{root}:chunk:c2", mapping={"state": "open", "lease": 0, "due": 0, "rows": "many"})
        case 4:
            with_a_lane(client, root, "garbage", b"\xff\xfe", GARBAGE)
        case 5:  # a frame that is none
            with_a_lane(client, root, entry, rows=3)
            client.hset(f"{root}:frames", frame_id, b"\xff" * 1_000)
            client.hset(f"{root}:left", frame_id, 3)
        case 6:  # a header that lies
            with_a_lane(client, root, entry, rows=3)
            header = HEADER.pack(1, 1, bytes.fromhex(frame_id), 9, 3, 4_000_000_000, 4_000_000_000, 7, b"z")
            client.hset(f"{root}:frames", frame_id, header + b"{}")
            client.hset(f"{root}:left", frame_id, 3)
        case 7:  # held rows and frames that do not exist
            with_a_lane(client, root, "h 1 1 1 10 0 1 1", entry, "z 1 1 1 1 1 1 1", rows=5)
        case 8:
            client.hset(
                f"{root}:meta", mapping=dict.fromkeys(("lanes", "forms", "seq", "pausedUntil", "openMost"), GARBAGE)
            )
            client.zadd(f"{root}:timers", {"group": 0})
        case 9:
            with_a_lane(client, root, entry, rows=10**15)
            client.hset(f"{root}:inbox", mapping={f"{field}:rows": 1 for field in range(2_000)})
        case 10:
            client.zadd(f"{root}:timers", {f"chunk:{chunk:016x}": 0 for chunk in range(2_000)})
        case _:
            client.zadd(f"{root}:retrying", {"1": 0})
            client.hset(f"{root}:held", mapping={"1": "{", "2": b"\xff"})
            client.zadd(f"{root}:dead", {"2": 0})
            client.zadd(f"{root}:timers", {"retry": 0, "expire": 0, "group": 0})


def be_hostile(client: "redis.Redis") -> None:
    """Write what a publisher's rights allow: projects of all kinds of garbage, and invalid or misleading names."""
    with client.pipeline(transaction=False) as pipeline:
        for number in range(HOSTILE_PROJECTS):
            make_hostile_project(pipeline, number)
        pipeline.execute(raise_on_error=False)  # some keys have another type by now, as was meant
    write_names(client)


def write_names(client: "redis.Redis") -> None:
    names = dict.fromkeys([b"\xff\xfe", b"two words", *(b"\xff%d" % number for number in range(2_000))], 0)
    names |= {b"Evil-%d" % number: 0 for number in range(HOSTILE_PROJECTS + 600)}
    client.zadd(keys.projects(keys.DEFAULT_PREFIX), names)


@contextmanager
def writing_names(client: "redis.Redis") -> Iterator[None]:
    """Write the hostile names with score 0 again, twenty times a second."""
    stopped = threading.Event()

    def write() -> None:
        while not stopped.wait(0.05):
            write_names(client)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_hundreds_of_hostile_projects_made_with_a_publisher_s_rights_stop_no_honest_one(
    serve: Callable[..., "redis.Redis"],
    sandbox: SandboxProcess,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    port = free_port()
    admin = serve("--port", str(port))
    address = f"{PASSWORD}@127.0.0.1:{port}/0"
    told = environment(sandbox, redis_url=f"redis://prelabel-worker:{address}")
    hostile = open_client(f"redis://prelabel-publisher:{address}", 5)

    def seconds_for(rows: range) -> float:
        """Publish and wait until all rows are settled, which needs that the tick looks at every project."""
        begun = time.monotonic()
        publish(f"redis://prelabel-publisher:{address}", *(box(f"k{n}", project="p", left=n) for n in rows))
        wait_for(lambda: not Inspector(admin).status("p").pending, "the honest rows to settle")
        return time.monotonic() - begun

    with running_worker(tmp_path, told, "--concurrency", "2"):
        seconds_for(range(1))  # the worker has started
        alone = seconds_for(range(1, ROWS // 2))
        be_hostile(hostile)
        with writing_names(hostile):
            beside = seconds_for(range(ROWS // 2, ROWS))
            assert run_in(tmp_path, "healthy", **told).returncode == 0
        record_property("seconds alone, and beside hostile projects", (round(alone, 2), round(beside, 2)))
        for command in ("status", "dead list", "doctor", "metrics --once"):
            assert "Traceback" not in run_in(tmp_path, *command.split(" "), **told).stderr
        wait_for(lambda: len(Inspector(admin).quarantined()) >= 150, "the hostile projects to be quarantined")
        assert run_in(tmp_path, "project", "forget", "--malformed", "--yes", **told).returncode == 0
        assert Inspector(admin).malformed() == []
        wrong = KeyTypes(admin).wrong("Evil-0")
        assert wrong == ["timers"]
        assert run_in(tmp_path, "project", "forget", "Evil-0", "--yes", **told).returncode == 0
    hostile.close()
    (honest,) = [found for found in audit(admin) if found.project_id == "p"]
    assert honest.balances
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
def test_the_redis_users_of_the_docs_have_no_further_rights(
    serve: Callable[..., "redis.Redis"], tmp_path: Path, user: str, command: str
) -> None:
    serve()
    client = open_client(f"unix://{user}:{PASSWORD}@{tmp_path}/redis.sock", 5)

    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split(" "))
    client.close()
