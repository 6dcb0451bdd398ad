"""Each finding is made bad for real, with a Redis for this module alone and the sandbox's faults."""

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest
import redis

from prelabel.publishing.buffer import Limits, ProjectBuffer
from prelabel.publishing.inbox import Inbox
from prelabel.wire import keys
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.cli.health.doctor import examine
from prelabel_worker.cli.shared.labelbox_access import pacer_of
from prelabel_worker.doctor import labelbox as service
from prelabel_worker.doctor import redis_server
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.operations.projects import Projects
from prelabel_worker.settings import Settings, load_settings
from prelabel_worker.stack.redis_server import find_redis_server
from tests.support.command import command_of
from tests.support.project import message
from tests.support.redis_server import start_redis
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for

KEY = "s3cret-k3y"
CARS = {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}
GOOD_CONFIG = {
    "maxmemory": "2gb", "maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always",
}  # fmt: skip


class Place:
    """A Redis, a sandbox, and settings that lead to both."""

    def __init__(self, client: "redis.Redis", url: str, sandbox: SandboxProcess) -> None:
        self.client = client
        self.sandbox = sandbox
        self.prefix = f"t{secrets.token_hex(4)}"
        self._url = url
        self.pauses = Pauses(client, self.prefix)

    def settings(self, **changes: Any) -> Settings:
        given = {
            "redis_url": self._url,
            "key_prefix": self.prefix,
            "labelbox_endpoint": f"{self.sandbox.url}/graphql",
            "labelbox_api_key": KEY,
            **changes,
        }
        return load_settings(**given)

    def findings(self, project: str | None = None, **changes: Any) -> list[Finding]:
        return list(examine(self.client, self.settings(**changes), project))

    def one(self, check: Check, project: str | None = None, **changes: Any) -> Finding:
        (found,) = [each for each in self.findings(project, **changes) if each.check is check]
        return found

    def worker(self, name: str = "w", version: str | None = None) -> None:
        presence = {
            "host": "h", "pid": 1, "version": version or installed("prelabel"), "concurrency": 1, "at": time.time()
        }  # fmt: skip
        self.client.hset(keys.workers(self.prefix), name, json.dumps(presence))

    def publish(self, project: str, *names: str) -> None:
        buffer = ProjectBuffer(Limits(10_000, 10**8, 256, 10**7, 100, 0.0), 16)
        for name in names:
            buffer.add(message(name), 0.0)
        Inbox(self.client, self.prefix).put(project, buffer.cut(0.0))

    def root(self, project: str) -> str:
        return keys.project_root(self.prefix, project)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("doctor")
    running = start_redis(folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
    yield folder / "redis.sock"
    running.terminate()
    running.wait(10)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    running = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0", "--api-key", KEY)
    running.project("p", CARS)
    yield running
    running.stop()


@pytest.fixture
def place(server: Path, sandbox: SandboxProcess) -> Iterator[Place]:
    client = redis.Redis(unix_socket_path=str(server))
    for name, value in GOOD_CONFIG.items():
        client.config_set(name, value)
    yield Place(client, f"unix://{server}?db=0", sandbox)
    sandbox.control("DELETE", "/faults")
    client.config_set("maxmemory", "0")
    client.flushall()
    client.close()


def is_bad(found: Finding, *words: str) -> None:
    """Assert that a finding is bad, has the remedy of its check, and names what was found."""
    assert found.level is Level.BAD
    assert found.remedy == found.check.remedy.replace("PROJECT", found.project_id or "PROJECT")
    for word in words:
        assert word in found.found


def test_a_healthy_installation_has_only_good_findings(place: Place) -> None:
    place.worker()
    place.publish("p", "a")

    found = place.findings()

    assert [(each.check, each.found) for each in found if each.level is not Level.OK] == []
    not_reached = {Check.TLS, Check.BROKER_VERSION, Check.BROKER_EVICTION, Check.LABELBOX, Check.RATE, Check.LOOKED_AT}
    assert {each.check for each in found} == set(Check) - not_reached


@pytest.mark.parametrize(
    ("check", "name", "value", "word"),
    [
        (Check.EVICTION, "maxmemory-policy", "allkeys-lru", "allkeys-lru"),
        (Check.PERSISTENCE, "appendfsync", "everysec", "appendfsync everysec"),
        (Check.PERSISTENCE, "appendonly", "no", "appendonly no"),
    ],
)
def test_a_redis_that_is_set_to_lose_rows_is_bad(place: Place, check: Check, name: str, value: str, word: str) -> None:
    place.client.config_set(name, value)

    is_bad(place.one(check), word)


def test_waiting_for_the_disk_needs_a_redis_that_can(place: Place) -> None:
    place.client.config_set("appendfsync", "everysec")
    try:
        place.client.execute_command("WAITAOF", 1, 0, 100)
        takes_it = True
    except redis.ResponseError:
        takes_it = False

    assert place.one(Check.PERSISTENCE, durability="waitaof").good is takes_it


def test_a_replica_that_is_not_there_is_bad(place: Place) -> None:
    is_bad(place.one(Check.PERSISTENCE, durability="replica"), "0 replicas")


def test_memory_above_the_watermark_is_bad_and_counts_rows(place: Place) -> None:
    place.publish("p", "a", "b")
    used = place.client.info("memory")["used_memory"]
    place.client.config_set("maxmemory", int(used / 0.9))

    is_bad(place.one(Check.MEMORY), "it keeps 2 rows")


def test_a_redis_that_takes_no_more_writes_is_still_looked_at(place: Place) -> None:
    place.publish("p", "a")
    place.client.config_set("maxmemory", int(place.client.info("memory")["used_memory"] * 0.5))

    found = {each.check: each for each in place.findings()}

    is_bad(found[Check.MEMORY])  # Redis takes no transaction then, Valkey does
    assert any(word in found[Check.MEMORY].found for word in ("out of memory", "it keeps 1 row"))
    assert found[Check.KEY].good
    assert Check.ACCOUNT_PAUSE in found


def test_memory_without_a_limit_is_noted(place: Place) -> None:
    place.client.config_set("maxmemory", 0)

    found = place.one(Check.MEMORY)
    assert (found.level, found.remedy) == (Level.NOTE, Check.MEMORY.remedy)
    assert "no limit" in found.found


def test_a_failed_save_is_bad(place: Place, tmp_path: Path) -> None:
    """The folder to which Redis saves has been deleted."""
    folder = tmp_path / "gone"
    folder.mkdir()
    own = start_redis(folder, "--save", "", "--appendonly", "no")
    try:
        client = redis.Redis(unix_socket_path=str(folder / "redis.sock"))
        client.ping()  # this connection outlives its socket's file
        shutil.rmtree(folder)
        client.bgsave()
        wait_for(lambda: client.info()["rdb_last_bgsave_status"] == "err", "the save to fail")
        found = list(examine(client, place.settings(), None))
        client.close()
    finally:
        own.terminate()
        own.wait(10)

    (disk,) = [each for each in found if each.check is Check.DISK]
    is_bad(disk, "rdb_last_bgsave_status err")


def test_a_replica_in_place_of_a_primary_is_bad(place: Place) -> None:
    place.publish("p", "a")
    place.client.replicaof("127.0.0.1", 1)
    try:
        is_bad(place.one(Check.REDIS_MODE), "replica")
    finally:
        place.client.replicaof("NO", "ONE")


def test_a_sentinel_in_place_of_a_redis_is_bad(place: Place, tmp_path: Path) -> None:
    options, socket = tmp_path / "sentinel.conf", tmp_path / "redis.sock"
    options.touch()
    command = [find_redis_server(), options, "--sentinel", "--port", "0", "--unixsocket", socket]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sentinel:
        try:
            wait_for(socket.exists, "the sentinel to listen")
            client = redis.Redis(unix_socket_path=str(socket))
            (found,) = examine(client, place.settings(), None)
            client.close()
        finally:
            sentinel.terminate()

    is_bad(found, "sentinel")
    assert found.check is Check.REDIS_MODE


def test_an_unreachable_broker_is_bad_and_its_password_is_not_shown(place: Place) -> None:
    found = place.one(Check.BROKER, broker_url="redis://:pa55word@127.0.0.1:1/0")

    is_bad(found, "does not answer")
    assert "pa55word" not in str(found)


def test_another_redis_as_broker_is_looked_at_too(place: Place, redis_socket: Path) -> None:
    other = redis.Redis(unix_socket_path=str(redis_socket))
    url = f"redis+socket://{redis_socket}?virtual_host=3"
    try:
        assert place.one(Check.BROKER).found == "the broker answers; it is the same Redis"
        same = place.settings().redis_url.get_secret_value().replace("?db=0", "?virtual_host=1")
        same = same.replace("unix://", "redis+socket://")
        assert place.one(Check.BROKER, broker_url=same).found == "the broker answers; it is the same Redis"
        assert place.one(Check.BROKER, broker_url=url).found == "the broker answers; it is another Redis"
        assert place.one(Check.BROKER_EVICTION, broker_url=url).good
        assert place.one(Check.BROKER_VERSION, broker_url=url).found == place.one(Check.REDIS_VERSION).found
        other.config_set("maxmemory-policy", "volatile-ttl")
        is_bad(place.one(Check.BROKER_EVICTION, broker_url=url), "volatile-ttl")
    finally:
        other.config_set("maxmemory-policy", "noeviction")
        other.close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
@pytest.mark.parametrize("which", ["state", "broker"])
def test_doctor_ends_with_1_where_the_state_or_the_broker_may_evict(
    place: Place,
    redis_socket: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    which: str,
    policy: str,
) -> None:
    doctor = command_of(place.settings(), monkeypatch, tmp_path, capsys, "doctor")
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY", KEY)
    monkeypatch.setenv("PRELABEL_BROKER_URL", f"redis+socket://{redis_socket}?virtual_host=3")
    place.worker()
    broker_client = redis.Redis(unix_socket_path=str(redis_socket))
    evicting = place.client if which == "state" else broker_client
    try:
        assert doctor().code == 0
        evicting.config_set("maxmemory-policy", policy)
        done = doctor("--json")
    finally:
        broker_client.config_set("maxmemory-policy", "noeviction")
        broker_client.close()

    check = Check.EVICTION if which == "state" else Check.BROKER_EVICTION
    assert done.code == 1
    bad = [(each["check"], each["found"]) for each in done.json["findings"] if each["level"] == "bad"]
    assert bad == [(check.label, f"maxmemory-policy {policy}")]


@pytest.mark.parametrize(("policy", "good"), [("noeviction", True), ("volatile-lru", False)])
def test_the_policy_is_read_from_info_if_config_is_hidden(place: Place, policy: str, good: bool) -> None:
    place.client.config_set("maxmemory-policy", policy)

    found = {each.check: each for each in findings_of(place, "+@all", "-config")}

    assert found[Check.EVICTION].good is good
    assert found[Check.EVICTION].found == f"maxmemory-policy {policy}, read from INFO"


def test_if_scripts_are_refused_the_error_of_the_server_is_shown_and_no_project_is_read(place: Place) -> None:
    place.publish("p", "a")

    found = {each.check: each for each in findings_of(place, "+@all", "-evalsha")}

    is_bad(found[Check.REDIS_SCRIPTS], "evalsha")
    assert found[Check.REDIS_VERSION].good
    assert Check.BROKER in found
    assert Check.WAITING not in found


def findings_of(place: Place, *rights: str) -> list[Finding]:
    """Return doctor's findings as a Redis user with these rights."""
    place.client.execute_command("ACL", "SETUSER", "other", "on", ">of-a-test", "~*", "&*", *rights)
    path = place.client.connection_pool.connection_kwargs["path"]
    client = redis.Redis(unix_socket_path=path, username="other", password="of-a-test")
    try:
        return list(examine(client, place.settings(), None))
    finally:
        client.close()
        place.client.execute_command("ACL", "DELUSER", "other")


def test_permissions_of_scripts_are_checked_without_writing(place: Place) -> None:
    place.client.flushall()

    asked = redis_server.look(place.client, place.client.info(), place.root("doctor-0"))

    assert asked.script_refusal is None
    assert place.client.dbsize() == 0
    assert "cmdstat_evalsha" in place.client.info("commandstats")


def test_a_valkey_is_named_and_in_order(place: Place, tmp_path: Path) -> None:
    program = shutil.which("valkey-server")
    if program is None:
        pytest.skip("no valkey-server was found on the PATH")
    running = start_redis(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "always", program=program)
    client = redis.Redis(unix_socket_path=str(tmp_path / "redis.sock"))
    try:
        found = {each.check: each for each in examine(client, place.settings(durability="waitaof"), None)}
        client.config_set("maxmemory-policy", "allkeys-lru")
        evicting = {each.check: each for each in examine(client, place.settings(), None)}
    finally:
        client.close()
        running.terminate()
        running.wait(10)

    named = found[Check.REDIS_VERSION]
    assert named.level is Level.OK
    assert re.fullmatch(r"Valkey \d+\.\d+\.\d+ \(compatible with Redis 7\.2\.4\)", named.found)
    assert found[Check.REDIS_SCRIPTS].level is Level.OK
    assert found[Check.PERSISTENCE].level is Level.OK
    is_bad(evicting[Check.EVICTION], "allkeys-lru")


def test_workers_of_two_versions_are_bad(place: Place) -> None:
    is_bad(place.one(Check.WORKERS), "0 workers")
    place.worker("one", "0.0.9")
    is_bad(place.one(Check.WORKER_VERSIONS), "0.0.9")
    place.worker("two")

    is_bad(place.one(Check.WORKER_VERSIONS), "0.0.9, ")


def test_rows_that_wait_for_nobody_are_bad(place: Place) -> None:
    place.publish("p", "a", "b", "c")

    is_bad(place.one(Check.WAITING), "3 rows pending", "the oldest has waited for", "no worker is alive")
    place.worker()
    assert place.one(Check.WAITING).good


def test_a_paused_project_says_why_and_until_when(place: Place) -> None:
    place.publish("p", "a")
    place.pauses.pause_project("p", "Labelbox answers AUTHORIZATION_ERROR", 600)

    is_bad(place.one(Check.PAUSE), "AUTHORIZATION_ERROR", "Z, 10 min more")


def test_a_timer_that_nobody_looks_at_is_bad_though_a_worker_is_alive(place: Place) -> None:
    place.worker()
    place.publish("p", "a")
    assert place.one(Check.TIMERS).good
    place.client.zadd(f"{place.root('p')}:timers", {"chunk:abc": (time.time() - 3600) * 1000})

    is_bad(place.one(Check.TIMERS), "chunk:abc has been due for 60 min")


def test_an_overdue_timer_without_pending_rows_is_noted_only(place: Place) -> None:
    place.client.zadd(f"{place.root('p')}:timers", {"group": 1000})

    assert place.one(Check.TIMERS, "p").level is Level.NOTE


def test_a_paused_account_says_why_and_its_projects_are_not_asked_for(place: Place) -> None:
    place.publish("p", "a")
    settings = place.settings()
    place.pauses.stop_account(settings.account, "Labelbox answers OPERATION_NOT_ALLOWED", 300)

    is_bad(place.one(Check.ACCOUNT_PAUSE), "account default", "OPERATION_NOT_ALLOWED", "5 min more")
    assert place.one(Check.LOOKED_AT).level is Level.NOTE


def test_a_short_pause_of_the_account_is_kept_too(place: Place) -> None:
    place.publish("p", "a")
    settings = place.settings()
    place.pauses.stop_account(settings.account, "Labelbox says to slow down", 10)

    found = place.findings()

    assert Check.ONTOLOGY not in {each.check for each in found}
    assert "not asked for at Labelbox: 1 project:" in found[-1].found


@pytest.mark.parametrize(("key", "word"), [("", "no API key"), ("wr0ng", "refuses")])
def test_a_key_that_is_absent_or_refused_is_bad_and_not_printed(place: Place, key: str, word: str) -> None:
    found = place.findings(labelbox_api_key=key)

    (of_key,) = [each for each in found if each.check is Check.KEY]
    is_bad(of_key, word)
    assert "wr0ng" not in str(found)
    assert Check.ONTOLOGY not in {each.check for each in found}


def test_a_key_that_is_told_to_slow_down_is_noted(place: Place) -> None:
    place.sandbox.control("POST", "/faults", {"fault": "429", "seconds": 30})

    found = place.one(Check.RATE)
    assert (found.level, found.remedy) == (Level.NOTE, Check.RATE.remedy)


def test_an_unreachable_labelbox_is_bad(place: Place) -> None:
    is_bad(place.one(Check.LABELBOX, labelbox_endpoint="https://127.0.0.1:1/graphql"), "127.0.0.1")


def test_the_key_does_not_travel_in_clear(place: Place) -> None:
    found = place.findings(labelbox_endpoint="http://labelbox.invalid/graphql")

    (of_endpoint,) = [each for each in found if each.check is Check.ENDPOINT]
    is_bad(of_endpoint, "http://labelbox.invalid")
    assert {Check.KEY, Check.LABELBOX}.isdisjoint(each.check for each in found)


def test_a_project_that_labelbox_does_not_know_is_bad(place: Place) -> None:
    is_bad(place.one(Check.ONTOLOGY, "pnowhere"), "Labelbox does not know it")


def test_a_project_that_the_key_may_not_see_is_bad(place: Place) -> None:
    fault = {"fault": "graphql-error", "code": "AUTHORIZATION_ERROR", "project": "p", "seconds": 30}
    place.sandbox.control("POST", "/faults", fault)

    found = place.findings("p")
    by_check = {each.check: each for each in found}
    is_bad(by_check[Check.ONTOLOGY], "no right")
    assert (by_check[Check.KEY].level, by_check[Check.KEY].remedy) == (Level.NOTE, Check.KEY.remedy)


def test_a_project_without_features_is_bad(place: Place) -> None:
    place.sandbox.project("bare", {"tools": [], "classifications": []})

    is_bad(place.one(Check.ONTOLOGY, "bare"), "0 features")


def test_a_media_type_that_takes_nothing_is_bad(place: Place) -> None:
    place.sandbox.control("POST", "/projects", {"id": "cloud", "ontology": CARS, "mediaType": "POINT_CLOUD"})

    is_bad(place.one(Check.MEDIA, "cloud"), "POINT_CLOUD")


def test_pre_labels_that_nobody_will_see_are_bad(place: Place) -> None:
    hidden = {"id": "hidden", "ontology": CARS, "showPredictionsToLabelers": False}
    place.sandbox.control("POST", "/projects", hidden)

    is_bad(place.one(Check.SHOWN, "hidden"), "hidden from labelers")


def test_a_labelbox_that_does_not_say_who_sees_pre_labels_is_noted(place: Place) -> None:
    refuses = {"fault": "graphql-error", "code": "GRAPHQL_VALIDATION_FAILED", "project": "p", "seconds": 30}
    settings = place.settings()
    labelbox = Labelbox(settings.labelbox_endpoint, settings.labelbox_api_key.get_secret_value(), 10)
    found = service.projects(labelbox, pacer_of(place.client, settings, settings.account), ["p"])
    seen = [next(found), next(found)]  # the ontology and the media type, before the fault
    place.sandbox.control("POST", "/faults", refuses)
    seen += found
    labelbox.close()

    assert (seen[-1].check, seen[-1].level) == (Check.SHOWN, Level.NOTE)


def test_no_more_than_fifty_projects_are_asked_for_and_the_rest_is_counted(place: Place) -> None:
    place.publish("p", "a")
    for number in range(52):
        place.client.zadd(keys.projects(place.prefix), {f"empty-{number:02}": 0})

    found = place.findings()

    asked = [each.project_id for each in found if each.check is Check.ONTOLOGY]
    assert len(asked) == service.MAX_PROJECTS
    assert asked[0] == "p"  # what has rows comes first
    (rest,) = [each for each in found if each.check is Check.LOOKED_AT]
    assert (rest.level, rest.remedy) == (Level.NOTE, Check.LOOKED_AT.remedy)
    assert "not asked for at Labelbox: 3 projects:" in rest.found


def test_remaining_projects_are_counted_if_labelbox_becomes_unreachable(place: Place) -> None:
    place.publish("p", "a", "b")
    place.publish("q", "a")
    place.sandbox.control("POST", "/faults", {"fault": "503", "project": "q", "seconds": 30})

    found = place.one(Check.LOOKED_AT)
    assert "not asked for at Labelbox: 1 project: Labelbox answers 503" in found.found


def test_each_account_is_looked_at_with_its_own_key(place: Place) -> None:
    place.publish("p", "a")
    Projects(place.client, place.prefix).override("p", {"account": "b"})

    (missing,) = [each for each in place.findings() if each.check is Check.KEY and not each.good]
    assert missing.found == "no API key for account b"

    found = place.findings(account_keys={"b": KEY})
    assert [each.found for each in found if each.check is Check.ACCOUNT_PAUSE] == [
        "account default is not paused", "account b is not paused"
    ]  # fmt: skip
    assert [each.project_id for each in found if each.check is Check.ONTOLOGY] == ["p"]


def test_an_operators_pause_has_no_end(place: Place) -> None:
    place.publish("p", "a")
    place.pauses.pause_project("p", "by an operator")

    is_bad(place.one(Check.PAUSE), "paused until it is resumed: by an operator")
