"""Findings from what was read: what cannot be brought about in a real server or service on demand."""

from dataclasses import replace
from typing import Any

import pytest

from prelabel_worker.catalog import ProjectOntology
from prelabel_worker.doctor import redis_server, service, workers
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.redis_server import Server
from prelabel_worker.inspector import WorkerStatus

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
    assert "1,000 rows are kept, 50,000 bytes of memory for each" in of(Check.MEMORY, GOOD, rows=1000).found


@pytest.mark.parametrize("version", ["6.0.16", "5.0.14", "4.0.0"])
def test_an_old_redis_is_bad(version: str) -> None:
    found = of(Check.REDIS_VERSION, saying(redis_version=version))

    assert (found.level, found.remedy) == (Level.BAD, "use Redis 6.2 or newer")
    assert version in found.found


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"redis_mode": "sentinel"}, Level.BAD),
        ({"role": "slave"}, Level.BAD),
        ({"redis_mode": "cluster"}, Level.NOTE),
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
    info = {name: value for name, value in INFO.items() if name != "redis_mode"}

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
        ("replica", replace(saying(connected_slaves=1), append_sync="everysec"), Level.OK),
        ("replica", GOOD, Level.BAD),
    ],
)
def test_what_redis_does_must_bear_what_the_setting_relies_on(durability: str, server: Server, level: Level) -> None:
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


def test_a_policy_that_a_service_hides_is_noted() -> None:
    assert of(Check.EVICTION, replace(GOOD, policy=None)).level is Level.NOTE


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
    assert bad == ([f"no worker takes the role {missing}"] if missing else [])


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
    found = service.endpoint(url)

    assert found.good is good
    assert ("in clear" in found.remedy) is not good


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
    found = list(service.describe(ProjectOntology({"tools": tools, "classifications": []}, media, "harbour"), "p"))

    assert [each.level for each in found] == levels
    assert all(each.remedy for each in found if each.level is not Level.OK)
    assert {each.project for each in found} == {"p"}


def test_a_finding_as_json_has_stable_keys() -> None:
    found = of(Check.EVICTION, replace(GOOD, policy="allkeys-lru")).as_json()

    assert found == {
        "check": "redis-eviction",
        "level": "bad",
        "good": False,
        "found": "maxmemory-policy allkeys-lru",
        "remedy": Check.EVICTION.remedy,
        "project": None,
    }


def test_every_check_has_a_name_of_its_own_and_a_remedy() -> None:
    labels = [check.label for check in Check]

    assert len(set(labels)) == len(labels)
    assert all(check.right and check.remedy for check in Check)
