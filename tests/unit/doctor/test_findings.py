"""Findings from what was read: what cannot be brought about in a real server or service on demand."""

from dataclasses import replace
from typing import Any

import pytest

from prelabel_worker.doctor import labelbox, redis_server, workers
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.redis_server import Server
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.settings import load_settings

INFO: dict[str, Any] = {
    "redis_version": "7.2.4", "redis_mode": "standalone", "role": "master", "connected_slaves": 0,
    "used_memory": 50_000_000, "maxmemory": 100_000_000,
}  # fmt: skip
GOOD = Server(INFO, "noeviction", "yes", "always", 0.0)


def of(check: Check, server: Server, durability: Any = "fsync", rows: int = 0) -> Finding:
    (found,) = [each for each in redis_server.findings(server, durability, rows) if each.check is check]
    return found


def saying(**info: Any) -> Server:
    return replace(GOOD, info=INFO | info)


def test_a_good_server_has_only_good_findings() -> None:
    found = list(redis_server.findings(GOOD, "fsync", 1000))

    assert {each.level for each in found} == {Level.OK}
    assert [each.remedy for each in found if each.remedy] == []
    assert "it keeps 1,000 rows, 50,000 bytes of memory a row" in of(Check.MEMORY, GOOD, rows=1000).found


@pytest.mark.parametrize("version", ["6.0.16", "5.0.14", "4.0.0"])
def test_an_old_redis_is_bad(version: str) -> None:
    found = of(Check.REDIS_VERSION, saying(redis_version=version))

    assert (found.level, found.remedy) == (Level.BAD, Check.REDIS_VERSION.remedy)
    assert found.found == f"Redis {version} is older than Redis 6.2"


VALKEY = {"server_name": "valkey", "valkey_version": "9.1.2", "redis_version": "7.2.4"}


@pytest.mark.parametrize(
    ("info", "level", "words"),
    [
        (VALKEY, Level.OK, "Valkey 9.1.2 (compatible with Redis 7.2.4)"),
        (VALKEY | {"valkey_version": "7.1.0"}, Level.BAD, "is older than Valkey 7.2"),
        ({"upstash_version": "1.18.3"}, Level.BAD, "Upstash 1.18.3 (compatible with Redis 7.2.4) is not supported: "),
        ({"dragonfly_version": "df-v1.34.2"}, Level.NOTE, "the tests do not run on it"),
        ({"server_name": "garnet"}, Level.NOTE, "unknown server 'garnet' 7.2.4"),
    ],
)
def test_a_server_is_named_and_what_does_not_work_is_bad(info: dict[str, Any], level: Level, words: str) -> None:
    found = of(Check.REDIS_VERSION, saying(**info))

    assert found.level is level
    assert words in found.found


def test_a_serverless_cache_is_known_by_its_address() -> None:
    server = replace(saying(os="Amazon ElastiCache"), host="state-x1.serverless.euw1.cache.amazonaws.com")

    found = of(Check.REDIS_VERSION, server)
    assert (found.level, server.can_keep_rows) == (Level.BAD, False)
    assert "ElastiCache Serverless" in found.found


def test_a_server_that_refuses_scripts_says_so_in_its_own_words() -> None:
    words = "script tried accessing undeclared key, key: prelabel:{doctor-0}:chunk:none"
    server = replace(GOOD, script_refusal=words)

    found = of(Check.REDIS_SCRIPTS, server)
    assert (found.level, found.found) == (Level.BAD, f"a script was refused: {words}")
    assert "--default_lua_flags=allow-undeclared-keys" in found.remedy
    assert not server.can_keep_rows


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"redis_mode": "sentinel"}, Level.BAD),
        ({"role": "slave"}, Level.BAD),
        ({"redis_mode": "cluster"}, Level.NOTE),
        ({"role": "active-replica"}, Level.BAD),  # KeyDB: two servers that both take writes
        ({"connected_slaves": 2}, Level.OK),
    ],
)
def test_only_a_primary_keeps_rows_and_a_cluster_is_noted(info: dict[str, Any], level: Level) -> None:
    found = of(Check.REDIS_MODE, saying(**info))

    assert found.level is level
    assert bool(found.remedy) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("mode", "level"), [("sentinel", Level.BAD), ("cluster", Level.NOTE), ("standalone", Level.OK)]
)
def test_valkeys_own_word_for_its_mode_is_understood(mode: str, level: Level) -> None:
    info = {name: value for name, value in (INFO | VALKEY).items() if name != "redis_mode"}

    assert redis_server.mode(info | {"server_mode": mode}).level is level


@pytest.mark.parametrize(
    ("durability", "server", "level"),
    [
        ("fsync", GOOD, Level.OK),
        ("fsync", replace(GOOD, append_sync="everysec"), Level.BAD),
        ("fsync", replace(GOOD, append_only="no"), Level.BAD),
        ("fsync", replace(saying(aof_enabled=1), append_only=None, append_sync=None), Level.NOTE),
        ("fsync", replace(saying(aof_enabled=0), append_only=None, append_sync=None), Level.BAD),
        ("waitaof", replace(GOOD, append_sync="everysec"), Level.OK),
        ("waitaof", replace(saying(redis_version="7.0.15"), append_sync="everysec"), Level.BAD),
        ("waitaof", replace(GOOD, append_only="no"), Level.BAD),
        ("waitaof", replace(saying(**VALKEY | {"redis_version": "7.0.0"}), append_sync="everysec"), Level.OK),
        ("waitaof", replace(saying(dragonfly_version="df-v1.34.2", redis_version="7.4.0")), Level.BAD),
        ("fsync", replace(saying(os="Amazon MemoryDB", aof_enabled=0), append_only=None, append_sync=None), Level.OK),
        ("fsync", replace(saying(os="Amazon ElastiCache", aof_enabled=0), append_only=None), Level.BAD),
        ("waitaof", replace(saying(os="Amazon MemoryDB", aof_enabled=0), append_only=None), Level.BAD),
        ("replica", replace(saying(connected_slaves=1), append_sync="everysec"), Level.OK),
        ("replica", GOOD, Level.BAD),
    ],
)
def test_the_persistence_of_redis_must_match_the_durability_setting(
    durability: str, server: Server, level: Level
) -> None:
    assert of(Check.PERSISTENCE, server, durability).level is level


@pytest.mark.parametrize("word", ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"])
def test_a_write_to_disk_that_failed_is_bad(word: str) -> None:
    found = of(Check.DISK, saying(**{word: "err"}))

    assert found.level is Level.BAD
    assert f"{word} err" in found.found
    assert "disk" in found.remedy


def test_clocks_that_differ_are_bad() -> None:
    found = of(Check.CLOCK, replace(GOOD, skew_seconds=7.3))

    assert (found.level, found.found) == (Level.BAD, "clocks differ by 7.3 s")
    assert "synchronise" in found.remedy


POLICIES = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
POLICIES += ["allkeys-lru", "allkeys-lfu", "allkeys-random"]


@pytest.mark.parametrize("check", [Check.EVICTION, Check.BROKER_EVICTION])
@pytest.mark.parametrize("policy", [*POLICIES, "eviction"])  # the last one is Dragonfly's as a cache
def test_a_policy_that_deletes_keys_is_bad_wherever_it_is_read(policy: str, check: Check) -> None:
    by_setting = redis_server.eviction(check, policy, {"maxmemory_policy": "noeviction"})
    by_info = redis_server.eviction(check, None, {"maxmemory_policy": policy})

    assert {by_setting.level, by_info.level} == {Level.BAD}
    assert by_info.found == f"maxmemory-policy {policy}, read from INFO"


def test_a_policy_that_is_hidden_is_read_from_info_and_noted_only_when_it_is_not_there_either() -> None:
    assert of(Check.EVICTION, replace(GOOD, policy=None)).level is Level.NOTE
    assert of(Check.EVICTION, replace(saying(maxmemory_policy="noeviction"), policy=None)).level is Level.OK


def worker(version: str) -> WorkerStatus:
    return WorkerStatus(f"w-{version}", "host", 1, version, 2, 0.5)


@pytest.mark.parametrize(
    ("versions", "own", "bad"),
    [
        ([], "1.0.0", [Check.WORKERS]),
        (["1.0.0"], "1.0.0", []),
        (["1.10.0"], "1.9.0", []),
        (["1.9.0"], "1.10.0", [Check.WORKER_VERSIONS]),
        (["1.0.0", "1.1.0"], "1.1.0", [Check.WORKER_VERSIONS]),
        (["1.1.0", "1.2.0"], "1.1.0", [Check.WORKER_VERSIONS]),
    ],
)
def test_workers_are_there_of_one_version_and_not_older(versions: list[str], own: str, bad: list[Check]) -> None:
    found = list(workers.findings([worker(each) for each in versions], own))

    assert [each.check for each in found if each.level is Level.BAD] == bad
    assert all(each.remedy for each in found if not each.good)


@pytest.mark.parametrize(
    ("roles", "missing"), [(["all"], ""), (["submit", "poll"], ""), (["submit"], "poll"), (["poll", "poll"], "submit")]
)
def test_a_role_that_nobody_takes_is_bad(roles: list[str], missing: str) -> None:
    found = list(workers.findings([replace(worker("1.0.0"), role=role) for role in roles], "1.0.0"))

    bad = [each.found for each in found if each.level is Level.BAD]
    assert bad == ([f"no worker has the role {missing}"] if missing else [])


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://api.labelbox.com/graphql", True),
        ("http://127.0.0.1:8970/graphql", True),
        ("http://localhost/graphql", True),
        ("http://[::1]:1/graphql", True),
        ("http://api.labelbox.com/graphql", False),
        ("http://10.0.0.7/graphql", False),
        ("http://127.0.0.1.example/graphql", False),
        ("http://[::1/graphql", False),
    ],
)
def test_the_key_travels_in_clear_only_within_the_machine(url: str, good: bool) -> None:
    found = labelbox.endpoint(url, ["k3y", "sandbox-k3y"])

    assert found.good is good
    assert ("unencrypted" in found.remedy) is not good


def test_a_key_of_the_sandbox_is_no_secret_and_may_travel_in_clear() -> None:
    assert labelbox.endpoint("http://sandbox:8970/graphql", ["sandbox-only"]).good


TOOL = {"tool": "rectangle", "name": "vessel"}


@pytest.mark.parametrize(
    ("tools", "media", "levels"),
    [
        ([TOOL], "IMAGE", [Level.OK, Level.OK]),
        ([], "IMAGE", [Level.BAD, Level.OK]),
        ([{**TOOL, "archived": 1}], "IMAGE", [Level.BAD, Level.OK]),
        ([{"tool": "cuboid", "name": "box"}], "IMAGE", [Level.BAD, Level.OK]),
        ([TOOL], "TMS_GEO", [Level.OK, Level.OK]),
        ([TOOL], "HOLOGRAM", [Level.OK, Level.NOTE]),
        ([TOOL], None, [Level.OK, Level.NOTE]),
        ([TOOL], "POINT_CLOUD", [Level.OK, Level.BAD]),
    ],
)
def test_a_project_needs_features_and_a_media_type_that_takes_them(
    tools: list[dict[str, Any]], media: str | None, levels: list[Level]
) -> None:
    found = list(labelbox.describe(ProjectOntology({"tools": tools, "classifications": []}, media, "harbour"), "p"))

    assert [each.level for each in found] == levels
    assert all(each.remedy for each in found if each.level is not Level.OK)
    assert {each.project_id for each in found} == {"p"}


def test_a_finding_as_json_has_stable_keys() -> None:
    found = of(Check.EVICTION, replace(GOOD, policy="allkeys-lru")).as_json()

    assert found == {
        "check": "redis-eviction",
        "level": "bad",
        "good": False,
        "found": "maxmemory-policy allkeys-lru",
        "remedy": Check.EVICTION.remedy,
        "projectId": None,
    }


def test_every_check_has_a_name_of_its_own_and_a_remedy() -> None:
    labels = [check.label for check in Check]

    assert len(set(labels)) == len(labels)
    assert all(check.right and check.remedy for check in Check)


def limited(name: str, per_minute: int, burst: int = 60) -> WorkerStatus:
    return WorkerStatus(name, "host", 1, "0.1.0", 2, 0.5, requests_per_minute=per_minute, request_burst=burst)


def test_workers_with_other_limits_of_requests_are_named() -> None:
    alive = [limited("one", 600), limited("two", 600), limited("three", 1200, 100)]
    (found,) = [each for each in workers.findings(alive, "0.1.0") if each.check is Check.WORKER_LIMITS]

    assert (found.level, found.remedy) == (Level.BAD, Check.WORKER_LIMITS.remedy)
    assert found.found == "limits: 600 a minute, 60 at once: one, two; 1,200 a minute, 100 at once: three"


def with_settings(name: str, days: float | None, **settings: str) -> WorkerStatus:
    return WorkerStatus(name, "host", 1, "0.1.0", 2, 0.5, history_days=days, settings=settings)


def of_settings(*alive: WorkerStatus) -> Finding:
    (found,) = [finding for finding in workers.findings(alive, "0.1.0") if finding.check is Check.WORKER_SETTINGS]
    return found


def test_workers_whose_settings_must_agree_and_do_not_are_named() -> None:
    found = of_settings(
        with_settings("one", 7, history_days="7", durability="fsync"),
        with_settings("two", 7, history_days="7", durability="replica"),
        with_settings("old", 30),
    )

    assert (found.level, found.remedy) == (Level.BAD, Check.WORKER_SETTINGS.remedy)
    assert found.found == (
        "PRELABEL_DURABILITY: fsync of one; replica of two; PRELABEL_HISTORY_DAYS: 30 of old; 7 of one, two"
    )


def test_workers_of_one_setting_and_of_releases_that_say_none_are_in_order() -> None:
    assert of_settings(with_settings("one", 7, history_days="7"), with_settings("old", None)).level is Level.OK


def test_what_workers_announce_of_their_settings_holds_no_secret_and_each_has_its_check() -> None:
    settings = load_settings(labelbox_api_key="k3y", redis_url="redis://:pass@host/0", history_days=2.5)

    assert settings.shared["history_days"] == "2.5"
    assert not any(secret in str(settings.shared) for secret in ("k3y", "pass"))
    assert all(f"PRELABEL_{name.upper()}" in Check.WORKER_SETTINGS.right for name in settings.shared)


def test_workers_with_one_limit_are_in_order_and_an_older_release_says_none() -> None:
    alive = [limited("one", 600), limited("two", 600), limited("old", 0, 0)]
    (found,) = [each for each in workers.findings(alive, "0.1.0") if each.check is Check.WORKER_LIMITS]

    assert found.level is Level.OK
