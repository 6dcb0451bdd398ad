"""The parts of pages that are made from the costs: tables in closed form, and the simulated results.

A part stands between two comments with its name, so that the rest of a page is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.result import Result
from benchmarks.capacity.scenario import DAY_SECONDS, Scenario
from benchmarks.capacity.simulation import simulate
from benchmarks.capacity.sizing import (
    BUSY,
    LABELBOX_LIMITS,
    PEAK,
    SAFE_SHARE,
    Need,
    largest_rate,
    load_of_redis,
    need,
)
from benchmarks.suite.plots import Plot, svg

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results" / "capacity.md"
LOADS = {
    1e6: Scenario(projects=5, publishers=2),
    10e6: Scenario(projects=20, publishers=4),
    100e6: Scenario(projects=50, publishers=8, publisher_linger_seconds=1.0),
    1e9: Scenario(projects=200, publishers=20, publisher_linger_seconds=1.0, requests_a_minute=4000, chunk_frames=2000),
}
"""Rows a day → the load: more rows come in more projects, from more publishers."""
SIMULATED_SECONDS = 20.0
"""After as long a time that is not measured."""
PROCESSES = (1, 4, 16, 64)
NODES = (1, 3, 6)
_FULL = 5000
_FROM_RESULTS = "../../docs/explanation/performance.md"
_PART = "<!-- {name}: made by `python -m benchmarks.capacity page` -->"
_END = "<!-- end -->"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |".replace("| --- |", "|---|").replace(" --- |", "---|") for row in rows)


def costs_part(costs: Costs) -> str:
    """Return the costs by role."""
    lines = [
        ("publisher", costs.publisher_row_us, f"{costs.publisher_frame_us:.0f} µs a frame"),
        ("worker, role `submit`", costs.submit_row_us, f"{costs.submit_chunk_ms:.1f} ms a chunk"),
        ("worker, role `poll`", costs.settle_row_us, f"{costs.settle_chunk_ms:.1f} ms a chunk"),
        ("Redis, publishing", costs.redis_publish_row_us, f"{costs.redis_publish_frame_us:.0f} µs a frame"),
        ("Redis, importing", costs.redis_row_us, f"{costs.redis_chunk_ms:.1f} ms a chunk"),
    ]
    body = table(
        ["role", "CPU of a row", "beside the floor", "and for what it shares"],
        [[role, f"{row:.1f} µs", f"{row / costs.floor_row_us:.1f} ×", share] for role, row, share in lines],
    )
    return (
        f"{body}\n\n{costs.message[0].upper()}{costs.message[1:]}; {costs.machine}; {costs.measured}, "
        f"{costs.command}. The floor is `orjson.loads` and `dumps` of the same message, "
        f"{costs.floor_row_us:.1f} µs there. A row that waits takes {costs.waiting_row_bytes:.0f} bytes of Redis, "
        f"a settled one {costs.settled_row_bytes:.0f} for as long as its history is kept."
    )


def sizing_part(costs: Costs) -> str:
    """Return what loads need."""
    needs = {rows: need(rows, scenario, costs) for rows, scenario in LOADS.items()}

    def line(name: str, cell: Callable[[Need], str]) -> list[str]:
        return [name, *(cell(size) for size in needs.values())]

    return table(
        ["rows a day", *(_millions(rows) for rows in needs)],
        [
            ["projects", *(f"{scenario.projects:,}" for scenario in LOADS.values())],
            line(f"rows/s at the peak ({PEAK:.0f} × the mean)", lambda size: f"{size.rows_a_second:,.0f}"),
            line("rows of a chunk", lambda size: f"{size.chunk_rows:,.0f}"),
            line("requests a minute", lambda size: f"{size.requests_a_minute:,.0f}"),
            line("publishing processes", lambda size: f"{size.publishers:,}"),
            line("worker processes, `submit` and `poll`", lambda s: f"{s.submit_processes:,} + {s.poll_processes:,}"),
            line("cores of the workers", lambda size: f"{max(0.1, size.worker_cores):.1f}"),
            line("Redis: share of a core", lambda size: f"{size.redis_cores:.0%}"),
            line("Redis: nodes", lambda size: f"{size.redis_nodes}"),
            line("Redis: an hour without Labelbox", lambda size: _bytes(size.outage_bytes)),
            line("Redis: a week of history, at most", lambda size: _bytes(size.week_bytes)),
        ],
    )


def limits_part(costs: Costs) -> str:
    """Return what each of Labelbox's request limits allows."""
    lines = []
    for plan, limit in LABELBOX_LIMITS.items():
        usable = round(limit * SAFE_SHARE)
        full = largest_rate(usable, Scenario())
        small = largest_rate(usable, Scenario(chunk_rows=100))
        lines.append(
            [
                plan,
                f"{limit:,}",
                f"{usable:,}",
                f"{full / _FULL:,.0f}",
                f"{full:,.0f} ({full * DAY_SECONDS / 1e9:,.0f} billion a day)",
                f"{small:,.0f} ({small * DAY_SECONDS / 1e6:,.0f} million a day)",
            ]
        )
    head = [
        "plan",
        "requests a minute",
        "setting (80 %)",
        "uploads/s",
        "rows/s, chunks of 5,000",
        "rows/s, chunks of 100",
    ]
    return table(head, lines)


def cluster_part(costs: Costs) -> str:
    """Return the rates at which Redis needs its second node, by the size of frames and chunks."""
    lines = []
    for name, scenario, rows in (
        ("full frames and full chunks", Scenario(projects=1, publishers=1, publisher_linger_seconds=60), 5000),
        ("frames of one row, full chunks", Scenario(projects=10**6), 5000),
        ("frames of one row, chunks of 100", Scenario(projects=10**6), 100),
    ):
        one = BUSY * 1000 / load_of_redis(1000.0, 1000.0 / rows, 0, scenario, costs)
        rates = [f"{one * nodes:,.0f}" for nodes in NODES]
        lines.append([name, *rates, f"{one * costs.worker_row_us * 1e-6 + one / rows * _worker_chunk(costs):.0f}"])
    head = ["rows/s with Redis 60 % busy", *(f"{nodes} node{'s' * (nodes > 1)}" for nodes in NODES)]
    return table([*head, "worker cores for one node"], lines)


def _worker_chunk(costs: Costs) -> float:
    return (costs.submit_chunk_ms + costs.settle_chunk_ms) * 1e-3


PARTS: dict[str, Callable[[Costs], str]] = {
    "costs": costs_part,
    "sizing": sizing_part,
    "limits": limits_part,
    "cluster": cluster_part,
}


def with_parts(text: str, costs: Costs) -> str:
    """Return the page with its parts made from these costs. Raises ValueError if a part has no place in it."""
    for name, make in PARTS.items():
        begin = _PART.format(name=name)
        part = re.compile(f"{re.escape(begin)}.*?{re.escape(_END)}", re.DOTALL)
        if not part.search(text):
            raise ValueError(f"expected the comment {begin} and {_END} after it")
        made = f"{begin}\n\n{make(costs)}\n\n{_END}"
        text = part.sub(lambda _, made=made: made, text, count=1)  # type: ignore[misc]
    return text


def loads(costs: Costs) -> dict[float, tuple[Scenario, Result]]:
    """Simulate each load at its peak, with the processes and nodes that its sizing names."""
    results = {}
    for rows, scenario in LOADS.items():
        size = need(rows, scenario, costs)
        processes = size.submit_processes + size.poll_processes
        scaled = msgspec.structs.replace(
            scenario,
            rows_a_second=size.rows_a_second,
            publishers=max(scenario.publishers, size.publishers),
            processes=processes,
            poll_processes=size.poll_processes,
            cores=max(2, round(size.worker_cores + 0.5)),
            nodes=size.redis_nodes,
            seconds=SIMULATED_SECONDS,
            warm_up_seconds=SIMULATED_SECONDS,
        )
        results[rows] = scaled, simulate(scaled, costs)
    return results


def scaling(costs: Costs) -> dict[tuple[int, int], Result]:
    """Simulate the drain of a backlog: (worker processes, nodes) → the result. The request limit is out of the way."""
    results = {}
    for nodes in NODES:
        for processes in PROCESSES:
            scenario = Scenario(
                projects=240,
                hosts=max(1, processes // 8),
                cores=min(8, processes),
                processes=min(8, processes),
                nodes=nodes,
                requests_a_minute=1_000_000,
                request_burst=1000,
                import_seconds=1.0,
                import_row_seconds=0.0,
                request_seconds=0.02,
                upload_bytes_a_second=100e6,
                seconds=3600.0,
            )
            fastest = min(processes / costs.worker_row_us, nodes / costs.redis_row_us) * 1e6
            backlog = round(max(10 * fastest, 500_000))
            results[processes, nodes] = simulate(msgspec.structs.replace(scenario, backlog_rows=backlog), costs)
    return results


def plots(by_size: dict[tuple[int, int], Result]) -> list[Plot]:
    """Return the plots of more processes, with the most nodes, and of more nodes, with the most processes."""
    most_processes, most_nodes = max(PROCESSES), max(NODES)
    by_processes = [(float(count), by_size[count, most_nodes].rows_a_second) for count in PROCESSES]
    by_nodes = [(float(count), by_size[most_processes, count].rows_a_second) for count in NODES]
    workers = f"More worker processes with {most_nodes} nodes, simulated"
    nodes = f"More nodes with {most_processes} worker processes, simulated"
    return [
        Plot("capacity-workers", workers, "worker processes", "rows a second", by_processes),
        Plot("capacity-nodes", nodes, "Redis nodes", "rows a second", by_nodes, False),
    ]


def results_page(
    costs: Costs, by_load: dict[float, tuple[Scenario, Result]], by_size: dict[tuple[int, int], Result]
) -> str:
    """Return the page of simulated results."""
    load_table = table(
        ["rows a day, at 3 × the mean", *(_millions(rows) for rows in by_load)],
        [
            ["projects", *(f"{scenario.projects:,}" for scenario, _ in by_load.values())],
            [
                "worker processes, `submit` and `poll`",
                *(f"{s.processes - s.poll_processes} + {s.poll_processes}" for s, _ in by_load.values()),
            ],
            ["Redis nodes", *(f"{scenario.nodes}" for scenario, _ in by_load.values())],
            ["requests a minute", *(f"{scenario.requests_a_minute:,}" for scenario, _ in by_load.values())],
            ["rows/s published", *(f"{scenario.rows_a_second:,.0f}" for scenario, _ in by_load.values())],
            ["rows/s settled", *(f"{result.rows_a_second:,.0f}" for _, result in by_load.values())],
            ["growth of the backlog, rows/s", *(f"{result.growth:,.0f}" for _, result in by_load.values())],
            ["rows of a chunk", *(f"{result.chunk_rows:,.0f}" for _, result in by_load.values())],
            ["busiest", *(_busiest(result) for _, result in by_load.values())],
            ["Redis busy", *(f"{result.used['Redis']:.0%}" for _, result in by_load.values())],
            ["requests used", *(f"{result.used['requests']:.0%}" for _, result in by_load.values())],
            ["seconds to upload, p50 and p99", *(_seconds(result.to_upload) for _, result in by_load.values())],
            ["seconds to settled, p50 and p99", *(_seconds(result.to_settled) for _, result in by_load.values())],
        ],
    )
    scaling_table = table(
        ["worker processes", *(f"rows/s, {nodes} node{'s' * (nodes > 1)}" for nodes in NODES), "busiest"],
        [
            [
                f"{processes}",
                *(f"{by_size[processes, nodes].rows_a_second:,.0f}" for nodes in NODES),
                ", ".join(_busiest(by_size[processes, nodes]) for nodes in NODES),
            ]
            for processes in PROCESSES
        ],
    )
    return "\n\n".join(
        [
            "# Capacity, simulated",
            f"`python -m benchmarks.capacity page`, with the costs of {costs.measured}: {costs.command}. Nothing here "
            f"was run: [performance]({_FROM_RESULTS}#the-simulation) says what the simulation knows, and how far to "
            "trust it.",
            "## Loads",
            f"Each has what [its sizing]({_FROM_RESULTS}#sizing) names, and is simulated for "
            f"{SIMULATED_SECONDS:.0f} seconds at its peak. "
            "Labelbox takes two seconds for an import and a millisecond for each row: an assumption.",
            load_table,
            "## More processes, more nodes",
            "A backlog in 240 projects, chunks of 5,000, hosts of eight cores with a process on each, requests "
            "without a limit. The last column names what is busiest with each number of nodes.",
            scaling_table,
            *(f"![{plot.title}]({plot.name}.svg)" for plot in plots(by_size)),
            "",
        ]
    )


def write(costs: Costs) -> None:
    """Write the parts of the page on performance, and the page of results with its plots."""
    PAGE.write_text(with_parts(PAGE.read_text("utf-8"), costs), "utf-8")
    by_size = scaling(costs)
    RESULTS.write_text(results_page(costs, loads(costs), by_size), "utf-8")
    for plot in plots(by_size):
        (RESULTS.parent / f"{plot.name}.svg").write_text(svg(plot), "utf-8")


def _busiest(result: Result) -> str:
    name = result.bottleneck
    return f"{name} {result.used[name]:.0%}" if name in result.used else name


def _seconds(percentiles: dict[int, float]) -> str:
    return f"{percentiles[50]:.1f}, {percentiles[99]:.1f}" if percentiles else ""


def _millions(rows: float) -> str:
    return f"{rows / 1e6:,.0f} million"


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
