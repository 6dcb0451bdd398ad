"""The table of measures, and how it reads the JSON of the scripts."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import runs
from benchmarks.suite.figures import Direction, Figures
from benchmarks.suite.measures import MEASURES, Measure, results, script_p99, two_workers
from benchmarks.suite.runs import FOLDER, NAMES, RUNS, Output, Size, output_of
from tests.support.waiting import wait_for

SLUGS = [
    *("publish", "drain", "drain-batches", "live", "sdk-wall", "sdk-rss", "sdk-types", "worker-cpu", "render"),
    *("redis-cpu", "busy", "latency-p50", "latency-p99", "redis-growth", "projects-1000", "projects-3000"),
    *("projects-5000", "chunk-worker-ms", "chunk-redis-ms", "chunk-bytes", "two-workers", "script-p99-ms"),
    *("worker-rss-mb", "import"),
]
LARGE_IS_GOOD = {"publish", "drain", "drain-batches", "live", "busy", "projects-1000", "projects-3000", "two-workers"}
SIDE = {"published": 60_000.0, "drained": 20_000.0, "live": 15_000.0, "worker_cpu": 21.0, "redis_cpu": 4.5}
SCRIPT = {"script": "take", "calls": 9, "p99_ms": 0.2, "max_ms": 0.3}
END_TO_END = {
    "floor": 3.0,
    "sides": {
        "prelabel": SIDE | {"scripts": [SCRIPT]},
        "task per row": {"published": 1_000.0, "drained": 500.0, "live": 100.0},
    },
    "missing": {"celery-batches": "pip cannot install it"},
}
ONE = {"workers": 1, "wall": 10.0, "rows_per_second": 10_000.0, "redis_cpu": 2.0, "sink_cpu": 1.0, "worker_rss": 90.0}
TWO = {"workers": 2, "wall": 6.0, "rows_per_second": 16_000.0, "redis_cpu": 1.5, "sink_cpu": 0.5, "worker_rss": 110.0}
BUSY = [ONE | {"busy": 0.6}, TWO | {"busy": 0.95}]


def measure(slug: str) -> Measure:
    return next(measure for measure in MEASURES if measure.slug == slug)


def figures(slug: str, *values: Any) -> Figures:
    outputs = {run: Output(value, 1) for run, value in zip(measure(slug).runs, values, strict=True)}
    found = measure(slug).result(outputs).figures
    assert found is not None
    return found


def test_every_measure_has_its_slug_and_its_side_of_the_mark() -> None:
    assert [measure.slug for measure in MEASURES] == SLUGS
    assert {measure.slug for measure in MEASURES if measure.mark.direction is Direction.AT_LEAST} == LARGE_IS_GOOD


@pytest.mark.parametrize("size", Size)
def test_every_measure_is_measured_in_each_size(size: Size) -> None:
    assert {run for measure in MEASURES for run in measure.runs} <= {
        run.script for run in RUNS if size in run.arguments
    }


@pytest.mark.parametrize(
    "run", [run for run in RUNS if (FOLDER / f"{run.script}.py").exists()], ids=lambda run: run.script
)
def test_a_script_knows_the_arguments_that_the_suite_gives_it(run: Any) -> None:
    """Their text is looked for, since running them with `--help` takes a second each."""
    text = (FOLDER / f"{run.script}.py").read_text("utf-8")
    words = {word for arguments in run.arguments.values() for word in arguments.split() if word.startswith("--")} | {
        "--json"
    }

    assert [word for word in sorted(words) if f'add_argument("{word}"' not in text] == []


def test_sides_are_compared_with_their_peer_and_with_the_floor() -> None:
    assert figures("publish", END_TO_END) == Figures(60_000, 1_000, 60)
    assert figures("drain", END_TO_END).ratio == 40
    assert figures("live", END_TO_END).ratio == 150
    assert figures("worker-cpu", END_TO_END) == Figures(21, 3, 7)
    assert figures("redis-cpu", END_TO_END).ratio == 1.5


def test_a_peer_that_cannot_be_installed_leaves_its_reason() -> None:
    assert figures("drain-batches", END_TO_END) == Figures(20_000, None, None, "pip cannot install it")


def test_the_sdk_is_compared_form_by_form() -> None:
    value = {
        "ours": {"dicts": {"seconds": 3.0}, "stream": {"memory": 90.0}, "typed": {"seconds": 4.0}},
        "sdk": {"dicts": {"seconds": 6.0, "memory": 900.0}, "typed": {"seconds": 40.0}},
        "missing": {},
    }

    assert [figures(slug, value).ratio for slug in ("sdk-wall", "sdk-rss", "sdk-types")] == [0.5, 0.1, 0.1]
    assert figures("sdk-rss", value | {"sdk": {}, "missing": {"sdk": "no wheel"}}) == Figures(
        90, None, None, "no wheel"
    )


def test_two_workers_are_compared_without_the_cores_of_redis_and_of_the_server() -> None:
    found = two_workers(BUSY)

    assert found.ours == pytest.approx(16_000 * 6 / 5)  # of 12 core-seconds, Redis and the server took 2
    assert found.ratio == pytest.approx(1.92)
    assert found.note.startswith("1.60 ×")
    assert figures("worker-rss-mb", BUSY).ours == 110
    assert figures("busy", BUSY).ratio == 0.95


def test_publishing_to_many_projects_is_compared_with_one() -> None:
    value = [{"projects": number, "rows": 100, "seconds": seconds} for number, seconds in ((1, 1.0), (1000, 2.0))]

    assert figures("projects-1000", value) == Figures(50, 100, 0.5)


def test_growth_is_the_largest_cost_beside_that_of_the_smallest_project() -> None:
    value = [
        {"rows": rows, "microseconds": cost} for rows, cost in ((1_000_000, 6.0), (100_000, 4.0), (5_000_000, 5.0))
    ]

    assert figures("redis-growth", value).ratio == 1.5


@pytest.mark.parametrize(("longest", "allowed"), [(5.0, True), (5.1, False)])
def test_the_slowest_script_counts_and_no_call_may_take_five_milliseconds(longest: float, allowed: bool) -> None:
    sizes = [{"rows": 100, "p99_ms": 1.5, "max_ms": longest}, {"rows": 200, "p99_ms": 1.9, "max_ms": 2.0}]

    found = script_p99(sizes, END_TO_END)

    assert (found.ratio, found.conditions) == (1.9, allowed)
    assert "commit_rows at 200 rows" in found.note


def test_a_run_that_failed_or_prints_something_else_is_a_reason() -> None:
    outputs = {name: Output(None, 0, f"benchmarks/{name}.py does not exist") for name in NAMES}
    outputs["rows"] = Output({"floor": 3.0}, 1)
    found = {result.slug: result for result in results(outputs)}

    assert found["busy"].reason == "benchmarks/busy.py does not exist"
    assert "other JSON than expected: KeyError('build')" in found["render"].reason
    assert all(result.figures is None and result.met is None for result in found.values())


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (0, 'installing\n{"floor": 3}\n', ""),
        (1, '{"floor": 3}\n', "benchmarks/rows.py ended with exit code 1"),
        (0, "3 rows\n", "benchmarks/rows.py printed no JSON"),
        (0, "", "benchmarks/rows.py printed no JSON"),
    ],
)
def test_the_last_line_of_a_script_is_its_json(code: int, text: str, reason: str) -> None:
    output = output_of("rows", code, text, 1)

    assert (output.value, output.reason) == (None if reason else {"floor": 3}, reason)


def test_a_script_that_is_ended_can_end_its_own_work(tmp_path: Path) -> None:
    text = "try:\n    open('begun', 'x')\n    signal.pause()\nfinally:\n    open('ended', 'x')"
    # A shell starts programs in the background with an interrupt that is ignored.
    heeded = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heeded}\n{text}"]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as script:
        wait_for((tmp_path / "begun").exists, "the script to begin")

        runs.end(script)

    assert (tmp_path / "ended").exists()
    assert script.returncode


def test_a_script_that_takes_too_long_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import signal\nsignal.pause()\n")
    monkeypatch.setattr(runs, "FOLDER", tmp_path)
    run = runs.Run("endless", {Size.SMOKE: ""}, limit=0)

    assert runs.call(run, Size.SMOKE).reason == "benchmarks/endless.py took more than 0 s"


def test_a_script_that_does_not_exist_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "FOLDER", tmp_path)

    assert runs.call(RUNS[0], Size.SMOKE).reason == "benchmarks/rows.py does not exist"
