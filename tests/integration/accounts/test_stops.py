"""What stops an account: the stages in this process against a sandbox with faults, over real HTTP."""

import hashlib
import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
import redis
import structlog
from typer.testing import CliRunner

from prelabel.publishing.buffer import Row
from prelabel.wire import keys
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.cli.main import app
from prelabel_worker.labelbox import api_keys
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.timers import Timers
from prelabel_worker.settings import Settings
from prelabel_worker.stages.group import group
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit
from tests.support.project import Project
from tests.support.sandbox.process import SandboxProcess

TOOLS = {"tools": [{"tool": "rectangle", "name": "vessel"}], "classifications": []}
KEY, OTHER_KEY = "key-one", "key-two"
QUICK = {
    "chunk_rows": 1,
    "poll_min_seconds": 0.05,
    "backoff_base_seconds": 0.01,
    "backoff_max_seconds": 0.05,
    "server_limit_seconds": 0,
}
CREATE = "createModelAssistedLabelingPredictionImport"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    running = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0")
    running.control("POST", "/settings", {"secondsPerImport": 0})
    yield running
    running.stop()


@dataclass
class Office:
    """Projects on one account, and a worker that does due tasks in this process, one step at a time."""

    project: Project
    sandbox: SandboxProcess
    key: str = KEY
    logged: list[dict[str, object]] = field(default_factory=list)
    lane: int = 0
    names: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.client, self.settings = self.project.client, self.project.settings
        self.timers = Timers(self.client, self.settings.key_prefix, self.settings.lease_seconds)
        self.accounts = Accounts(self.client, self.settings)
        self.runtime = Runtime(self.settings, lambda *_: None)

    def with_key(self, key: str) -> "Office":
        """Return the same projects for a worker with another key."""
        changed = self.settings.model_copy(update={"labelbox_api_key": Settings(labelbox_api_key=key).labelbox_api_key})
        return Office(Project(self.client, changed), self.sandbox, key)

    def close(self) -> None:
        """Close this worker's connections to Labelbox."""
        self.runtime.context().account("").labelbox.close()

    def publish(self, count: int, project_id: str = "p") -> None:
        self.sandbox.project(project_id, TOOLS)
        box = {"name": "vessel", "bbox": {"top": 1, "left": 1, "height": 3, "width": 4}}
        for _ in range(count):  # a frame each, and the lanes in turn, so that each can be a chunk
            self.lane = (self.lane + 1) % 16
            key = next(name for name in map(str, self.names) if zlib.crc32(f"k:{name}".encode()) % 16 == self.lane)
            body = {"projectId": project_id, "messageId": key, "dataRow": {"globalKey": key}, "annotations": [box]}
            self.project.inbox.put(project_id, self.project.frames(Row(f"k:{key}", orjson.dumps(body), 0)))

    def fault(self, name: str, **options: object) -> None:
        self.sandbox.control("POST", "/faults", {"fault": name, **options})

    def fix(self) -> None:
        self.sandbox.control("DELETE", "/faults")

    def work(self) -> None:
        """Do everything that is due now, once."""
        due, _ = self.timers.due(100)
        context = self.runtime.context()
        for each in due:
            if each.stage == "group":
                group(context, each.project_id)
            elif each.stage == "submit":
                submit(context, each.project_id, each.chunk_id)
            elif each.stage == "poll":
                poll(context, [(each.project_id, each.chunk_id)])
            elif each.stage == "settle":
                settle(context, each.project_id, each.chunk_id)

    def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Work until this is true."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.account()
            self.hurry()
            self.work()
            time.sleep(0.01)

    def hurry(self) -> None:
        """Make all timers due that wait for the end of a lease, since no hint is sent here."""
        for name in self.client.zrange(keys.projects(self.settings.key_prefix), 0, -1):
            root = keys.project_root(self.settings.key_prefix, name.decode())
            for timer in self.client.zrange(f"{root}:timers", 0, -1):
                chunk = timer.decode().removeprefix("chunk:")
                due = self.client.hget(f"{root}:chunk:{chunk}", "due") if chunk != timer.decode() else b"0"
                self.client.zadd(f"{root}:timers", {timer: float(due or 0)}, lt=True)
            self.client.zadd(keys.projects(self.settings.key_prefix), {name: 0}, lt=True)

    def account(self) -> AccountStatus:
        return next(each for each in self.accounts.all() if each.name == "default")

    def status(self, project_id: str = "p"):  # type: ignore[no-untyped-def]
        return Inspector(self.client, self.settings.key_prefix).status(project_id)

    def settled(self) -> bool:
        return all(each.pending == 0 for each in Inspector(self.client, self.settings.key_prefix).all())

    def requests(self, since: float) -> list[dict[str, object]]:
        found: list[dict[str, object]] = [e for e in self.sandbox.control("GET", "/requests") if e["time"] >= since]
        return found


@pytest.fixture
def office(make_project: Callable[..., Project], sandbox: SandboxProcess) -> Iterator[Office]:
    project = make_project(
        labelbox_endpoint=f"{sandbox.url}/graphql",
        labelbox_api_key=KEY,
        **QUICK,
    )
    found = Office(project, sandbox)
    with structlog.testing.capture_logs() as found.logged:
        yield found
    found.fix()
    found.close()


def events(office: Office) -> list[object]:
    return [each["event"] for each in office.logged]


def test_an_unreachable_service_opens_the_breaker_and_one_probe_closes_it(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)  # the ontology is known
    office.fault("503", seconds=60)
    office.publish(6)
    before = time.time()

    office.until(lambda: office.account().breaker == "open")
    failures_before = {each["outcome"] for each in office.logged if each["event"] == "request.failed"}
    assert len(office.requests(before)) == 5
    assert failures_before == {"look_up"}
    opened = next(each for each in office.logged if each["event"] == "breaker.opened")
    assert (opened["account"], opened["openings"]) == ("default", 1)
    assert 0.75 <= opened["seconds"] <= 1  # type: ignore[operator]

    office.until(lambda: events(office).count("breaker.opened") == 2)
    assert len(office.requests(before)) == 6, "exactly one probe in the first opening"
    office.fix()
    office.until(office.settled)

    assert events(office).count("breaker.closed") == 1
    assert office.account().in_order
    assert office.status().imported == 7
    assert office.status().dead == 0


def test_a_chunk_that_waits_for_the_breaker_has_not_failed(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    office.fault("503", seconds=60)
    office.publish(8)
    office.until(lambda: events(office).count("breaker.opened") == 2)

    chunks = office.client.zrange(f"{office.project.root}:chunks", 0, -1)
    failures = [
        int(office.client.hget(f"{office.project.root}:chunk:{each.decode()}", "failures") or 0) for each in chunks
    ]
    assert sum(failures) <= 4, "the four failures before it opened; the probe's costs none"


def test_a_retry_after_stops_every_request_of_the_account_and_lowers_its_rate(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    office.fault("429", times=1, retryAfter=2)
    office.publish(2)
    office.publish(2, "q")
    office.until(lambda: bool(office.account().stops))
    before = time.time()

    (stop,) = office.account().stops
    assert (stop.kind, stop.why) == ("throttled", "Labelbox says to slow down")
    office.until(office.settled)

    assert min(float(str(each["time"])) for each in office.requests(before)) >= before + 1.5
    assert office.account().rate < office.account().limit
    assert office.status().open_most < office.settings.open_chunks
    assert office.status().imported + office.status("q").imported == 5


def running(office: Office) -> int:
    return sum(office.status(name).chunks.get("running", 0) for name in ("p", "q"))


def test_a_refused_key_stops_uploads_and_running_imports_are_settled_all_the_same(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    office.fault("stuck-running", seconds=60)
    office.publish(2)
    office.until(lambda: running(office) == 2)
    office.fault("status", status=401, operations="create", seconds=60)
    office.publish(2, "q")
    office.until(lambda: bool(office.account().stops))
    (stop,) = office.account().stops
    assert (stop.kind, len(stop.fingerprint)) == ("refused", 8)
    assert KEY not in json.dumps(office.account().as_json())

    office.fix()  # the imports end, the key would be taken again; the stop still holds
    before = time.time()
    office.until(lambda: office.status().pending == 0)

    assert office.status().imported == 3
    assert office.status("q").pending == 2
    assert CREATE not in {each["operation"] for each in office.requests(before)}

    assert office.accounts.resume("default") is True
    office.until(office.settled)
    assert office.status("q").imported == 2
    assert office.status("q").dead == 0


def test_a_changed_key_continues_while_the_old_one_is_refused(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    office.fault("status", status=401, operations="create", times=1)
    office.publish(1)
    office.until(lambda: bool(office.account().stops))
    changed = office.with_key(OTHER_KEY)

    changed.publish(1, "q")
    changed.until(lambda: changed.status("q").imported == 1)

    assert office.status().pending == 1, "what had met the refusal comes back after its minute"
    assert office.runtime.context().account("").permits.reserve("upload").stopped_by == "refused"
    changed.close()


@pytest.mark.parametrize("operations", ["create", "query"])
def test_a_key_that_was_replaced_in_its_file_stops_no_account(
    make_project: Callable[..., Project],
    sandbox: SandboxProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operations: str,
) -> None:
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY_FILE", str(tmp_path / "key"))
    office = Office(make_project(labelbox_endpoint=f"{sandbox.url}/graphql", **QUICK), sandbox)
    office.publish(1)
    office.until(office.settled)
    first = office.runtime.context().account("")
    monkeypatch.setattr(api_keys, "LOOK_SECONDS", 3600)  # it looks only when a key is refused
    (tmp_path / "key").write_text(OTHER_KEY)
    office.fault("status", status=401, operations=operations, times=1)
    office.publish(1)

    with structlog.testing.capture_logs() as office.logged:
        office.until(office.settled)

    assert office.status().imported == 2
    assert not {"account.stopped", "uploads.paused"} & set(events(office))
    assert [entry["error"] for entry in office.logged if "error" in entry] == ["KeyReplaced"]
    account = office.runtime.context().account("")
    assert account is not first
    assert office.sandbox.control("GET", "/requests")[-1]["key"] == hashlib.sha256(OTHER_KEY.encode()).hexdigest()[:8]
    office.close()


def test_an_operators_pause_holds_uploads_until_it_is_resumed(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    runner, options = CliRunner(), ["--redis-url", office.settings.redis_url.get_secret_value()]
    environment = {"PRELABEL_KEY_PREFIX": office.settings.key_prefix, "PRELABEL_LABELBOX_API_KEY": KEY}

    def prelabel(*args: str) -> tuple[int, str]:
        done = runner.invoke(app, [*args, *options], env=environment)
        return done.exit_code, done.stdout

    assert prelabel("account", "pause", "default", "--why", "new key")[0] == 0
    office.publish(2)
    office.until(lambda: "account paused" in whys(office))
    assert "default: paused until it is resumed: by" in prelabel("status")[1]
    (account,) = json.loads(prelabel("account", "list", "--json")[1])["accounts"]
    assert (account["account"], account["projects"], account["hasKey"]) == ("default", ["p"], True)
    assert account["stops"][0]["kind"] == "paused"
    assert account["used"] > 0
    assert "new key" in prelabel("account", "list")[1]
    assert json.loads(prelabel("status", "--json")[1])["accounts"][0]["stops"][0]["why"] == account["stops"][0]["why"]

    assert prelabel("account", "resume", "default")[0] == 0
    office.until(office.settled)
    assert office.status().imported == 3
    assert prelabel("account", "resume", "default")[0] == 3
    recorded = Actions(office.client, office.settings.key_prefix).last_with_accounts()
    assert [each.action for each in recorded] == ["account-resume", "account-pause"]
    assert "account-pause" in prelabel("actions")[1]
    assert prelabel("account", "pause", "no such:name")[0] == 2


def whys(office: Office) -> set[str]:
    chunks = office.client.zrange(f"{office.project.root}:chunks", 0, -1)
    names = [f"{office.project.root}:chunk:{each.decode()}" for each in chunks]
    return {(office.client.hget(name, "why") or b"").decode() for name in names}


def test_a_pause_with_a_time_ends_by_itself(office: Office) -> None:
    office.project.pauses.stop_account("default", "by me", 0.5)
    office.publish(1)
    before = time.time()

    office.until(office.settled)

    assert time.time() - before >= 0.4


def test_open_chunks_halve_with_trouble_once_a_storm_and_grow_with_quick_imports(
    office: Office, client: "redis.Redis"
) -> None:
    office.publish(2)
    office.until(office.settled)
    assert office.status().open_most == office.settings.open_chunks == 8

    office.fault("429", times=3, retryAfter=0.01)
    office.publish(3)
    office.until(office.settled)
    assert office.status().open_most == 4, "three of a storm are one trouble"

    meta = f"{office.project.root}:meta"
    for expected in (5, 6, 7, 8, 8):
        client.hset(meta, "openMoreMs", 0)
        office.publish(1)
        office.until(office.settled)
        office.publish(1)
        client.hset(meta, "openMoreMs", 9e15)
        office.until(office.settled)
        assert office.status().open_most == expected


def test_no_more_chunks_are_cut_than_may_be_open_after_trouble(office: Office) -> None:
    office.publish(1)
    office.until(office.settled)
    office.project.ledger.open_fewer("p")
    office.publish(12)

    assert group(office.runtime.context(), "p") == 4
