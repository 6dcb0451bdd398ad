"""Run prelabel on several hosts with a Redis Cluster, lose one worker host in the middle, and count what is left.

    sudo .venv/bin/python -m benchmarks.hosts [--rows 30000] [--projects 9]

A host is a network namespace with an address of its own on one bridge: a publisher, two hosts of workers, the broker,
three nodes of a cluster, and the sandbox. When half of the rows are settled, the first worker host loses its network,
and then its processes; its namespace is deleted. The other one must finish: every row once, and the audit balances.

All hosts are inside namespaces of this run (network, mounts, processes), so nothing remains of them when it ends,
however it ends. It needs Linux and root, and is skipped elsewhere.
"""

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import redis

from prelabel import Publisher
from prelabel.wire import keys
from prelabel.wire.client import open_client
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.redis_server import find_redis_server

SLOTS = 16384
REDIS_PORT, SANDBOX_PORT = 6379, 8970
CONTROL = f"http://127.0.0.1:{SANDBOX_PORT}/_sandbox"
CUT_SECONDS = 2.0
"""How long a host without network lives before its processes are killed."""
LONGEST_SECONDS = 300.0
_NEEDED = ("ip", "nsenter", "unshare", "mount")
_BRIDGE = "switch"


class Host:
    """A network namespace with an address, on the bridge of this run."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self.processes: list[subprocess.Popen[bytes]] = []
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "link", "set", name, "master", _BRIDGE, "up")
        self._inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self._inside("ip", "link", "set", "eth0", "up")
        self._inside("ip", "link", "set", "lo", "up")

    def start(self, command: Sequence[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process on this host; its output goes to the file."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self._prefix(), *command],
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env={**os.environ, **environment},
            )
        self.processes.append(process)
        return process

    def lose(self) -> None:
        """Take the host off the network, kill its processes, and delete it."""
        _run("ip", "link", "delete", self.name)
        time.sleep(CUT_SECONDS)
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True).stdout
        for pid in map(int, pids.split()):
            os.kill(pid, 9)
        for process in self.processes:
            process.wait()
        _run("ip", "netns", "delete", self.name)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Let this thread open connections as if it were on this host."""
        with open("/proc/self/ns/net") as own, open(f"/run/netns/{self.name}") as other:
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def _inside(self, *command: str) -> None:
        _run(*self._prefix(), *command)

    def _prefix(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}"]


def _enter(namespace: int) -> None:
    """Move this thread into a network namespace. Python has `os.setns` from 3.12 on."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _wait(done: Callable[[], bool], what: str, seconds: float = LONGEST_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def make_switch() -> None:
    """Make the bridge, and a place for the names of namespaces that only this run sees."""
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", _BRIDGE, "type", "bridge")
    _run("ip", "address", "add", "10.77.0.1/24", "dev", _BRIDGE)
    _run("ip", "link", "set", _BRIDGE, "up")


def start_redis(host: Host, folder: Path, *options: str) -> "redis.Redis":
    """Start a Redis on the host, and return a client once it answers."""
    data = folder / host.name
    data.mkdir()
    command = [str(find_redis_server()), "--bind", host.address, "--port", str(REDIS_PORT), "--protected-mode", "no"]
    command += ["--dir", str(data), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    host.start([*command, *options], folder / f"{host.name}.log")
    client = redis.Redis(host=host.address, port=REDIS_PORT)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    _wait(answers, f"the Redis of {host.name}")
    return client


def make_cluster(hosts: Sequence[Host], folder: Path) -> str:
    """Make one cluster of a node on each host; return its URL."""
    nodes = [start_redis(host, folder, "--cluster-enabled", "yes") for host in hosts]
    for number, node in enumerate(nodes):
        slots = range(number * SLOTS // len(nodes), (number + 1) * SLOTS // len(nodes))
        node.execute_command("CLUSTER ADDSLOTS", *slots)
        node.execute_command("CLUSTER MEET", hosts[0].address, REDIS_PORT)

    def is_whole() -> bool:
        states = [node.execute_command("CLUSTER INFO") for node in nodes]
        return all(
            state["cluster_state"] == "ok" and state["cluster_known_nodes"] == str(len(nodes)) for state in states
        )

    _wait(is_whole, "the cluster")
    return "redis+cluster://" + ",".join(f"{host.address}:{REDIS_PORT}" for host in hosts)


def publish(url: str, rows: int, projects: list[str]) -> None:
    """Publish a box for each data row, on the publisher's host."""
    with Publisher(url) as publisher:
        for number in range(rows):
            box = {"left": number % 900, "top": 1, "width": 4, "height": 3}
            project = projects[number % len(projects)]
            row = {"globalKey": f"k{number:08d}"}
            publisher.publish({"projectId": project, "dataRow": row, "annotations": [{"name": "vessel", "bbox": box}]})


def handled(log: Path) -> Counter[str]:
    """Return the rows that a host's workers uploaded and settled, by their log."""
    rows: Counter[str] = Counter()
    for line in log.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("event") == "import.submitted":
            rows["uploaded"] += entry["rows"]
        elif entry.get("event") == "import.settled":
            rows["settled"] += entry["imported"]
    return rows


def wrong_rows(rows: int, projects: list[str]) -> list[str]:
    """Compare the pre-labels of the sandbox with what was published; return the differences."""
    wrong = []
    for number, project in enumerate(projects):
        answer = httpx.get(f"{CONTROL}/projects/{project}/pre-labels", timeout=60).raise_for_status()
        found = Counter(json.loads(line)["dataRow"]["globalKey"] for line in answer.content.splitlines())
        expected = {f"k{row:08d}" for row in range(number, rows, len(projects))}
        lost, doubled = expected - found.keys(), [key for key, count in found.items() if count > 1]
        if lost or doubled or found.keys() - expected:
            wrong.append(f"{project}: {len(lost)} lost, {len(doubled)} doubled, {len(found.keys() - expected)} foreign")
    return wrong


def table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Print a table in Markdown."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for line in lines:
        print(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in line)} |")


def run(folder: Path, rows: int, projects: list[str]) -> bool:
    """Make the hosts, publish, lose a worker host, wait for the other one; return whether everything is right."""
    make_switch()
    names = ("publisher", "worker-a", "worker-b", "broker", "labelbox", "node-1", "node-2", "node-3")
    hosts = {name: Host(name, number) for number, name in enumerate(names, 11)}
    nodes = [hosts[name] for name in names if name.startswith("node")]
    start_redis(hosts["broker"], folder)
    url = make_cluster(nodes, folder)
    sandbox = f"http://{hosts['labelbox'].address}:{SANDBOX_PORT}"
    serve = [sys.executable, "-m", "prelabel_sandbox", "--host", "0.0.0.0", "--port", str(SANDBOX_PORT)]
    serve += ["--public-url", sandbox, "--data", str(folder / "sandbox"), "--requests-per-minute", "0"]
    hosts["labelbox"].start(serve, log := folder / "labelbox.log")
    _wait(lambda: b"graphql" in log.read_bytes(), "the sandbox")
    with hosts["labelbox"].network():  # only its own machine may control the sandbox
        for project in projects:
            body = {"id": project, "ontology": {"tools": [{"tool": "rectangle", "name": "vessel"}]}, "dataRows": "any"}
            httpx.post(f"{CONTROL}/projects", json=body).raise_for_status()
    settings = {
        "PRELABEL_REDIS_URL": url,
        "PRELABEL_BROKER_URL": f"redis://{hosts['broker'].address}:{REDIS_PORT}/0",
        "PRELABEL_LABELBOX_ENDPOINT": f"{sandbox}/graphql",
        "PRELABEL_LABELBOX_API_KEY": "sandbox",  # such a key may travel in clear
        "PRELABEL_REQUESTS_PER_MINUTE": "6000",
        "PRELABEL_SERVER_LIMIT_SECONDS": "5",
        "PRELABEL_CHUNK_ROWS": "250",
        "PRELABEL_LOG_FORMAT": "json",
    }
    workers = ("worker-a", "worker-b")
    for name in workers:
        command = [sys.executable, "-m", "prelabel_worker.cli", "worker", "--concurrency", "1", "--name", f"w@{name}"]
        hosts[name].start(command, folder / f"{name}.log", **settings)
    client = open_client(url, 5)
    inspector = Inspector(client)
    _wait(lambda: len(inspector.workers()) == len(workers), "the workers", 60)

    def imported() -> int:
        return sum(status.imported for status in inspector.all())

    begun = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.hosts", "--publish", url, "--rows", str(rows)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command += ["--projects", str(len(projects))]
    publisher = hosts["publisher"].start(command, folder / "publisher.log", PYTHONPATH=path)
    _wait(lambda: imported() >= rows // 2, "half of the rows")
    at_loss, lost_at = imported(), time.monotonic()
    hosts["worker-a"].lose()
    if publisher.wait(LONGEST_SECONDS) != 0:
        sys.exit((folder / "publisher.log").read_text("utf-8"))
    _wait(lambda: imported() == rows, "the last row")
    ended = time.monotonic()

    print(
        f"{rows:,} rows of {len(projects)} projects in {ended - begun:.1f} s; worker-a was lost when {at_loss:,} were"
    )
    print(f"settled, and the last row was settled {ended - lost_at:.1f} s later")
    by_worker = {name: handled(folder / f"{name}.log") for name in workers}
    table(
        ["worker host", "rows uploaded", "rows settled"],
        [[name, count["uploaded"], count["settled"]] for name, count in by_worker.items()],
    )
    statuses = {status.project_id: status for status in inspector.all()}
    at_node: dict[str, list[str]] = {host.name: [] for host in nodes}
    by_address = {host.address: host.name for host in nodes}
    for project in projects:
        node: Any = client.node_of(keys.project_root(keys.DEFAULT_PREFIX, project))
        at_node[by_address[node.connection_pool.connection_kwargs["host"]]].append(project)
    table(
        ["Redis node", "projects", "rows published", "rows imported"],
        [
            [name, len(its), sum(statuses[p].published for p in its), sum(statuses[p].imported for p in its)]
            for name, its in at_node.items()
        ],
    )
    balances = all(project.balances for project in audit(client))
    with hosts["labelbox"].network():
        wrong = wrong_rows(rows, projects)
    print(f"\nthe audit {'balances' if balances else 'DOES NOT BALANCE'}; ", end="")
    print("; ".join(wrong) if wrong else "the sandbox has every row once, and no other")
    return balances and not wrong


def why_not() -> str:
    """Return why this machine cannot make hosts; empty if it can."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if not sys.platform.startswith("linux"):
        return "network namespaces are a part of Linux"
    if missing:
        return f"no {', '.join(missing)} on the PATH"
    if os.geteuid() != 0:
        return "network namespaces need root"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--projects", type=int, default=9)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--publish", help=argparse.SUPPRESS)
    options = parser.parse_args()
    projects = [f"p{number}" for number in range(options.projects)]
    if options.publish:
        publish(options.publish, options.rows, projects)
        return 0
    if options.inside:
        try:
            return 0 if run(options.inside, options.rows, projects) else 1
        except TimeoutError as error:
            print(f"{error}; the ends of the logs:")
            for log in sorted(options.inside.glob("*.log")):
                print(f"--- {log.name}", log.read_text("utf-8")[-1000:], sep="\n")
            return 1
    if reason := why_not():
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="prelabel-hosts-") as folder:
        # The kernel ends every process of the new process namespace with its first one, and the network with them.
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += [sys.executable, "-m", "benchmarks.hosts", "--inside", folder]
        command += ["--rows", str(options.rows), "--projects", str(options.projects)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
