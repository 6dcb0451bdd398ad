"""The state in a Redis Cluster of three nodes: every script stays in one slot, and real workers drain it."""

import contextlib
import hashlib
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from redis.crc import key_slot

from prelabel import Publisher
from prelabel.validation.gate import prepare
from prelabel.wire import keys
from prelabel.wire.client import open_client
from prelabel_console.access.roles import Role
from prelabel_worker import scripts
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.accounts.request_counts import RequestCounts
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.chunks.chunk import Defect
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome
from prelabel_worker.dead_letters.bulk_log import BulkLog
from prelabel_worker.dead_letters.editing import edited_message
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.group_state import GroupStates
from prelabel_worker.dead_letters.search import Search
from prelabel_worker.labelbox.errors import Unavailable
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.labelbox.sent_request import Operation, SentRequest
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.notify.store import Store
from prelabel_worker.notify.watch import State
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.operations.purge import Purge
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.error_groups import ErrorGroups
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.queries.overview import Overviews
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.timers import Timers
from prelabel_worker.settings import Settings, load_settings
from prelabel_worker.stack.redis_server import find_redis_server, free_port
from tests.support.console.browsing import Browser, console_settings, serving
from tests.support.dead_letters import kill, real_message
from tests.support.flow import TOOLS, box, run_in
from tests.support.project import Project
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

SLOTS = 16384
PROJECTS = [f"p{n}" for n in range(6)]
"""Together they have slots on every node, which a test checks."""


class Node:
    """One primary of a cluster; its bus is, as always unless it is told otherwise, 10,000 ports above."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.port = _free_port_with_bus()
        self.client = redis.Redis(port=self.port)
        self.start()

    def start(self) -> None:
        command = [str(find_redis_server()), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--dir", str(self._folder)]
        command += ["--cluster-require-full-coverage", "no", "--maxmemory-policy", "noeviction", "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self._answers, "a node to answer")

    def kill(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False

    def knows_all(self) -> bool:
        info = self.client.execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == "3"


def _free_port_with_bus() -> int:
    while True:
        port = free_port()
        if port < 55_000:
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 10_000)):
                return port


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    folder = tmp_path_factory.mktemp("cluster")
    found = [Node(folder / str(n)) for n in range(3)]
    for n, node in enumerate(found):
        node.client.execute_command("CLUSTER ADDSLOTS", *range(n * SLOTS // 3, (n + 1) * SLOTS // 3))
        node.client.execute_command("CLUSTER MEET", "127.0.0.1", found[0].port)
    wait_for(lambda: all(node.knows_all() for node in found), "the cluster")
    yield found
    for node in found:
        node.kill()


@pytest.fixture
def cluster_url(nodes: list[Node]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


@pytest.fixture
def cluster(cluster_url: str, nodes: list[Node]) -> Iterator[Any]:
    client = open_client(cluster_url, 5)
    yield client
    client.close()
    for node in nodes:
        node.client.flushall()


class Watcher:
    """Records the scripts that the nodes execute, from MONITOR, with the slots of the keys that they touch."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self.slots: dict[str, set[frozenset[int]]] = {}
        """Digest of a script → for each of its runs the slots of its keys."""

    def __enter__(self) -> Self:
        self._sockets = [socket.create_connection(("127.0.0.1", node.port)) for node in self._nodes]
        for each in self._sockets:
            each.sendall(b"MONITOR\r\n")
            assert each.recv(5) == b"+OK\r\n"
        return self

    def __exit__(self, *_: object) -> None:
        for node, each in zip(self._nodes, self._sockets, strict=True):
            node.client.echo("the-end")
            told = b""
            while b'"the-end"' not in told:
                told += each.recv(1 << 20)
            each.close()
            self._read(told)

    def _read(self, told: bytes) -> None:
        digest, slots = "", set[int]()
        for line in [*told.splitlines(), b'+0.0 [0 x] "END"']:
            found = re.match(rb'\+?[\d.]+ \[\d+ (\S+)\] "(\w+)" ?(.*)', line)
            if found is None:
                continue
            source, name, rest = found.groups()
            words = re.findall(rb'"((?:[^"\\]|\\.)*)"', rest)
            if source != b"lua":
                if digest:
                    self.slots.setdefault(digest, set()).add(frozenset(slots))
                digest, slots = "", set()
            if name.upper() == b"EVALSHA":
                digest, slots = words[0].decode(), {key_slot(words[2])}
            elif source == b"lua" and name.upper() != b"TIME":
                slots |= {key_slot(word) for word in (words if name.upper() == b"DEL" else words[:1])}


def settings_for(cluster_url: str, **more: Any) -> Settings:
    return load_settings(redis_url=cluster_url, linger_seconds=0, **more)


def test_every_script_touches_one_slot(cluster: Any, cluster_url: str, nodes: list[Node]) -> None:
    with Watcher(nodes) as watcher:
        for name in PROJECTS:
            run_every_script(Project(cluster, settings_for(cluster_url), name))

    digests = {hashlib.sha1(scripts.source(name).encode()).hexdigest(): name for name in scripts.names()}
    seen = {digests[digest] for digest in watcher.slots if digest in digests}
    assert seen == set(scripts.names())
    assert {len(slots) for runs in watcher.slots.values() for slots in runs} == {1}
    assert len({cluster.node_of(keys.project_root("prelabel", name)) for name in PROJECTS}) == 3


def test_groups_and_searches_span_the_nodes(cluster: Any, cluster_url: str) -> None:
    projects = [Project(cluster, settings_for(cluster_url), name) for name in PROJECTS]
    for project in projects:
        kill(project, real_message("a"))
        cluster.zadd(keys.projects("prelabel"), {project.id: 0})

    groups = ErrorGroups(cluster).read()
    page = Search(cluster).page(PROJECTS, DeadLetterFilter(), limit=4)

    assert sum(group.rows for group in groups) >= len(PROJECTS)
    assert max(group.project_count for group in groups) == len(PROJECTS)
    assert len(page.dead_letters) == 4
    assert page.next is not None


def test_the_overview_and_the_log_span_the_nodes_and_skip_unusable_keys(cluster: Any, cluster_url: str) -> None:
    settings = settings_for(cluster_url, key_prefix="overview")
    log = Actions(cluster, settings.key_prefix)
    for name in PROJECTS:
        Project(cluster, settings, name).publish(real_message("a"))
        log.record(name, "pause", {})
    cluster.set(keys.ProjectKeys(settings.key_prefix, "wrong").actions, "x")
    cluster.set(keys.ProjectKeys(settings.key_prefix, "wrong").counts, "x")
    cluster.zadd(keys.projects(settings.key_prefix), {"wrong": 0})

    overview = Overviews(cluster, settings).read()

    assert list(overview.projects) == PROJECTS
    assert all(project.oldest_waiting_at is not None for project in overview.projects.values())
    assert [entry.project_id for entry in overview.quarantined] == ["wrong"]
    assert [action.project_id for action in log.last_of([*PROJECTS, "wrong"])] == PROJECTS


def run_every_script(project: Project) -> None:
    """Make every transition in one project."""
    client, name = project.client, project.id
    projects, permits = Projects(client), Permits(client, "prelabel", "a", 100, 10)
    projects.override(name, {"policy": "skip", "priority": "2"})
    first, second, third = kill(project, *(real_message(key) for key in "abc"))
    project.held.retry(name, [first])
    assert project.held.try_dead_letters_once_more(name, "refused") == 1
    assert project.held.pending(name) == [first]
    project.held.discard(name, [second])
    dead_letter = project.held.dead_letter(name, third)
    assert dead_letter is not None
    project.held.edit(name, [edited_message(dead_letter, prepare(real_message("c", name="car").raw), 16)], "keep")
    project.held.expire(name, 1)
    states, bulks = GroupStates(client), BulkLog(client)
    states.set("a group", "resolved", "somebody", states.get("a group"))
    bulks.begin(name="retry", verb="retry", who="somebody", scope=name, matching=1, projects=1)
    project.pauses.pause_project(name, "test")
    projects.resume(name)
    projects.flush(name)
    projects.refresh_ontology(name)
    assert Catalog(client, "prelabel").refresh(name, lambda: ProjectOntology({}, "IMAGE", "o")) is not None
    assert Catalog(client, "prelabel").get(name) is not None
    chunk = project.take(project.cut())
    project.publish(real_message("d"), real_message("e"))
    half, _ = project.ledger.split(project.take(project.cut()))
    project.ledger.renew(chunk)
    project.memory.was_imported(name, [7])
    project.send(chunk)
    project.pauses.pause_project(name, "test", 0)
    project.settle(chunk, imported=1, outcomes=[RowOutcome("cleared", 0, 1, first)])
    project.import_all(half)
    permit = permits.reserve("upload", name)
    permits.answered(replace(permit, trouble=True))
    permits.failed(permit, Unavailable("away"))
    requests = RequestCounts(client, "prelabel")
    requests.observer("a")(SentRequest(Operation.POLL, "200", 0.1))
    requests.flush()
    flow = FlowReader(client)
    assert flow.request_totals(["a"])["a"].count >= 1
    assert sum(point.published for point in flow.sum_of([name])) == 5
    accounts = Accounts(client, load_settings())
    project.pauses.stop_account("a", "test", 0)
    accounts.resume("a")
    assert not accounts.stops("a")
    project.ledger.open_fewer(name)
    project.publish(real_message("f"))
    chunk_id = project.cut()
    project.ledger.wait(project.take(chunk_id), 0, why="permit")
    chunk = project.take(chunk_id)
    project.send(chunk)
    project.ledger.running(chunk, "import", 0)
    chunk = project.take(chunk_id, "follow")
    project.ledger.rest(chunk, 0, Defect(1, "submit: KeyError", stuck=True))
    assert projects.retry_stuck(name) == 1
    project.held.retry_now(name)
    project.publish(real_message("g"))
    chunk = project.take(project.cut())
    (row,) = project.rows(chunk)
    assert isinstance(row, ChunkRow)
    project.settle(chunk, imported=0, outcomes=[project.holding(row, retrying=True)])
    project.held.give_up(name)
    scripts.Scripts(client).run("built_key", project.root)
    Timers(client, "prelabel", 10).due(100)
    undo = UndoLedger(client, project.settings)
    assert undo.begin(name, ["unknown"]) == ["forgotten"]
    undo.forget(name, "unknown", [7])
    assert undo.finish(name, ["unknown"]) == [-1]
    project.publish(real_message("h"))
    assert not Purge(client, project.settings).run(name, "somebody", 0)  # a half of the chunk above is still leased
    assert scripts.Scripts(client).run("purge_end", project.root) == 1
    store = Store(client, "prelabel")
    assert store.take(0) is not None
    assert store.save(State(), release=True)
    assert all(each.balances for each in audit(client))


def test_an_unreachable_node_holds_up_only_its_own_projects(cluster: Any, cluster_url: str, nodes: list[Node]) -> None:
    def port_of(key: str) -> int:
        return int(cluster.node_of(key).connection_pool.connection_kwargs["port"])

    projects = {name: Project(cluster, settings_for(cluster_url), name) for name in PROJECTS}
    for each in projects.values():
        each.publish(real_message("a"))
    lost = next(node for node in nodes if node.port != port_of(keys.projects("prelabel")))
    reachable = [name for name in PROJECTS if port_of(keys.project_root("prelabel", name)) != lost.port]
    held_up = [name for name in PROJECTS if name not in reachable]
    timers = Timers(cluster, "prelabel", 10)

    for node in cluster.primaries():
        node.script_flush()  # as for a worker that starts now, with a script that no node has yet
    lost.kill()
    due, _ = timers.due(100)
    with pytest.raises(redis.ConnectionError):
        projects[held_up[0]].publish(real_message("b"))
    for name in reachable:
        projects[name].publish(real_message("b"))
    lost.start()

    assert sorted(each.project_id for each in due) == sorted(reachable)
    wait_for(lambda: all(node.knows_all() for node in nodes), "the cluster")
    for name in held_up:
        projects[name].publish(real_message("b"))
    assert [each.published for each in Inspector(cluster).all()] == [2] * len(PROJECTS)


def test_a_pipeline_of_two_slots_is_refused(cluster: Any) -> None:
    """On some node layouts the mistake would not be noticed."""
    pipeline = cluster.pipeline().get("{a}:x").get("{b}:x")

    with pytest.raises(ValueError, match="keys of one slot"):
        pipeline.execute()


def test_publishers_and_workers_with_their_state_in_a_cluster(
    cluster: Any, cluster_url: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    """Several projects on all nodes, two workers, Celery's broker elsewhere; then what the commands say of it."""
    sandbox = SandboxProcess(tmp_path / "sandbox")
    told = environment(sandbox, redis_url=cluster_url, broker_url=redis_url, key_prefix=prefix)
    with running_worker(tmp_path, told, "-c", "1", "-n", "one"), running_worker(tmp_path, told, "-c", "1", "-n", "two"):
        drain(cluster, cluster_url, prefix, sandbox)
        assert run_in(tmp_path, "audit", **told).returncode == 0
        with serving(cluster, console_settings(cluster_url, prefix)) as (_, address):
            viewer = Browser(address, Role.VIEWER)
            assert all(name in viewer.text("/projects") for name in PROJECTS)
            assert [viewer.get(path).status_code for path in ("/", f"/projects/{PROJECTS[0]}", "/actions")] == [200] * 3
            viewer.http.close()
        status = json.loads(run_in(tmp_path, "status", "--json", **told).stdout)
        assert [each["imported"] for each in status["projects"]] == [100] * len(PROJECTS)
        doctor = json.loads(run_in(tmp_path, "doctor", "--json", **told).stdout)["findings"]
        of_nodes = ("redis-version", "redis-scripts", "redis-mode", "redis-eviction", "redis-persistence")
        assert [each["level"] for each in doctor if each["check"] in of_nodes] == ["ok"] * 15
        named = sorted(each["found"].partition(": ")[0] for each in doctor if each["check"] == "redis-version")
        assert named == sorted(cluster_url.removeprefix("redis+cluster://").split(","))
    sandbox.stop()


def drain(cluster: Any, cluster_url: str, prefix: str, sandbox: SandboxProcess) -> None:
    """Publish to all projects and wait until Labelbox has every row once."""
    inspector = Inspector(cluster, prefix)
    with Publisher(cluster_url, key_prefix=prefix) as publisher:
        for name in PROJECTS:
            sandbox.project(name, {"tools": TOOLS, "classifications": []})
            for n in range(100):
                publisher.publish(box(f"k{n}", project=name, left=n))
    wait_for(lambda: [each.imported for each in inspector.all()] == [100] * len(PROJECTS), "all rows to settle")

    assert all(each.balances for each in audit(cluster, prefix))
    for name in PROJECTS:
        found = sorted((line["dataRow"]["globalKey"], line["bbox"]["left"]) for line in sandbox.pre_labels(name))
        assert found == sorted((f"k{n}", n) for n in range(100))
