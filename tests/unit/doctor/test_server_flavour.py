"""Servers are named by what INFO reports, and judged by their own version, not by the one that they claim."""

from typing import Any

import pytest
from redis._parsers.helpers import parse_info

from prelabel_worker.doctor.server_flavour import Flavour, flavour_of

REDIS = "redis_version:7.0.15\nredis_mode:standalone\nos:Linux 6.1.0 x86_64\nexecutable:/usr/bin/redis-server"
REDIS_8 = "redis_version:8.2.1\nredis_mode:standalone\nos:Linux 6.1.0 x86_64\nexecutable:/usr/local/bin/redis-server"
VALKEY_7 = "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:7.2.8\nredis_mode:standalone\nos:Linux 6.1.0 x86_64"
VALKEY_9 = (
    "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:9.1.2\nvalkey_release_stage:ga\nserver_mode:standalone\n"
    "os:Linux 6.1.0 x86_64"
)
DRAGONFLY = (
    "redis_version:7.4.0\ndragonfly_version:df-v1.34.2\nredis_mode:standalone\narch_bits:64\nmultiplexing_api:iouring\n"
    "executable:dragonfly\n# Memory\ncache_mode:store\nmaxmemory_policy:noeviction"
)
KEYDB = "redis_version:6.3.4\nredis_mode:standalone\nos:Linux 6.1.0 x86_64\n# KeyDB\nmvcc_depth:0"
ENTERPRISE = "redis_version:7.4.0\nrlec_version:7.22.0-95\nredis_mode:standalone\nos:Linux 6.1.0 x86_64"
ELASTICACHE = "redis_version:7.1.0\nredis_mode:cluster\nos:Amazon ElastiCache\nexecutable:-\nconfig_file:-"
ELASTICACHE_VALKEY = (
    "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.0.1\nserver_mode:cluster\nos:Amazon ElastiCache"
)
MEMORYDB = "redis_version:7.1.0\nredis_mode:cluster\nos:Amazon MemoryDB\nexecutable:-"
UPSTASH = "upstash_version:1.18.3\nredis_version:8.2.0\n# Clients\nconnected_clients:1"
OTHER = "redis_version:7.4.3\nserver_name:garnet\nredis_mode:standalone"


def info_of(text: str) -> Any:
    return parse_info(f"# Server\n{text}\n")


@pytest.mark.parametrize(
    ("info", "host", "flavour", "shown"),
    [
        (REDIS, "", Flavour.REDIS, "Redis 7.0.15"),
        (REDIS_8, "10.0.0.7", Flavour.REDIS, "Redis 8.2.1"),
        (VALKEY_7, "", Flavour.VALKEY, "Valkey 7.2.8 (compatible with Redis 7.2.4)"),
        (VALKEY_9, "", Flavour.VALKEY, "Valkey 9.1.2 (compatible with Redis 7.2.4)"),
        (DRAGONFLY, "", Flavour.DRAGONFLY, "Dragonfly 1.34.2 (compatible with Redis 7.4.0)"),
        (KEYDB, "", Flavour.KEYDB, "KeyDB 6.3.4"),
        (ENTERPRISE, "", Flavour.REDIS_ENTERPRISE, "Redis Enterprise 7.22.0-95 (compatible with Redis 7.4.0)"),
        (
            REDIS,
            "redis-1.c1.eu-west-1-1.ec2.redns.redis-cloud.com",
            Flavour.REDIS_ENTERPRISE,
            "Redis Enterprise (compatible with Redis 7.0.15)",
        ),
        (ELASTICACHE, "", Flavour.ELASTICACHE, "Amazon ElastiCache 7.1.0"),
        (
            ELASTICACHE_VALKEY,
            "master.state.abc123.euw1.cache.amazonaws.com",
            Flavour.ELASTICACHE,
            "Amazon ElastiCache, Valkey 8.0.1 (compatible with Redis 7.2.4)",
        ),
        (
            ELASTICACHE,
            "state-abc123.serverless.euw1.cache.amazonaws.com",
            Flavour.ELASTICACHE_SERVERLESS,
            "Amazon ElastiCache Serverless 7.1.0",
        ),
        (MEMORYDB, "", Flavour.MEMORYDB, "Amazon MemoryDB 7.1.0"),
        (REDIS, "state.redis.cache.windows.net", Flavour.AZURE, "Azure Redis 7.0.15"),
        (ENTERPRISE, "state.westeurope.redis.azure.net", Flavour.AZURE, "Azure Redis 7.4.0"),
        (UPSTASH, "", Flavour.UPSTASH, "Upstash 1.18.3 (compatible with Redis 8.2.0)"),
        (REDIS, "eager-owl-1.upstash.io", Flavour.UPSTASH, "Upstash (compatible with Redis 7.0.15)"),
        (OTHER, "", Flavour.UNKNOWN, "unknown server 'garnet' 7.4.3"),
        ("os:Linux", "", Flavour.UNKNOWN, "unknown server"),
    ],
)
def test_a_server_is_named_with_its_own_version(info: str, host: str, flavour: Flavour, shown: str) -> None:
    found = flavour_of(info_of(info), host)

    assert (found.flavour, str(found)) == (flavour, shown)


@pytest.mark.parametrize("host", ["cache.amazonaws.com.example", "upstash.io.example", "serverless.example"])
def test_an_address_that_only_contains_a_services_name_is_none_of_it(host: str) -> None:
    assert flavour_of(info_of(REDIS), host).flavour is Flavour.REDIS


@pytest.mark.parametrize(
    ("info", "recent"),
    [
        (REDIS, True),
        (REDIS.replace("7.0.15", "6.2.0"), True),
        (REDIS.replace("7.0.15", "6.0.16"), False),
        (VALKEY_9, True),
        (VALKEY_9.replace("9.1.2", "7.1.0"), False),  # what it claims of Redis would do
        (VALKEY_9.replace("9.1.2", "10.0.0"), True),
        (KEYDB, True),
        (KEYDB.replace("6.3.4", "6.0.18"), False),
        (DRAGONFLY, True),
        (ELASTICACHE.replace("7.1.0", "5.0.6"), False),
        (ENTERPRISE.replace("7.4.0", "6.0.13"), False),
        (OTHER, True),
    ],
)
def test_a_version_counts_by_the_engines_own_numbers(info: str, recent: bool) -> None:
    assert flavour_of(info_of(info)).is_recent is recent


@pytest.mark.parametrize(
    ("info", "host", "has"),
    [
        (REDIS, "", False),
        (REDIS.replace("7.0.15", "7.2.0"), "", True),
        (REDIS_8, "", True),
        (VALKEY_7, "", True),
        (VALKEY_9, "", True),
        (VALKEY_9.replace("7.2.4", "7.0.15"), "", True),
        (DRAGONFLY, "", False),  # though it claims Redis 7.4
        (KEYDB.replace("6.3.4", "7.4.0"), "", False),
        (ENTERPRISE, "", False),
        (ENTERPRISE, "state.westeurope.redis.azure.net", False),
        (UPSTASH, "", False),
        (OTHER, "", False),
    ],
)
def test_waitaof_is_known_by_flavour_and_not_by_the_version_of_redis_that_is_claimed(
    info: str, host: str, has: bool
) -> None:
    assert flavour_of(info_of(info), host).has_waitaof is has


@pytest.mark.parametrize(
    ("info", "host", "word"),
    [(UPSTASH, "", "locks the whole database"), (ELASTICACHE, "x.serverless.use1.cache.amazonaws.com", "KEYS")],
)
def test_what_is_not_supported_says_why(info: str, host: str, word: str) -> None:
    assert word in flavour_of(info_of(info), host).refusal


def test_what_is_supported_is_not_refused() -> None:
    for info in (REDIS, VALKEY_9, DRAGONFLY, KEYDB, ENTERPRISE, ELASTICACHE, MEMORYDB, OTHER):
        assert flavour_of(info_of(info)).refusal == ""
