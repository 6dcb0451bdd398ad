"""The measures: their marks, and where their figures are in the JSON of the runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.suite.figures import Figures, Mark, NotMeasured, Result, alone, at_least, at_most, beside
from benchmarks.suite.runs import Output

MAX_SCRIPT_MS = 5
"""The longest time that any call of a script may take."""

Read = Callable[..., Figures]


@dataclass(frozen=True)
class Measure:
    """A measure of the suite."""

    slug: str
    title: str
    #: Of ours and of the peer.
    unit: str
    mark: Mark
    #: The scripts that measure it.
    runs: tuple[str, ...]
    #: Finds the figures in the JSON of those scripts.
    read: Read
    #: What ours is compared with; empty if the figure itself is compared with the mark.
    peer: str = ""

    def result(self, outputs: Mapping[str, Output]) -> Result:
        """Return what the runs say about this measure."""
        try:
            figures = self.read(*(outputs[run].required() for run in self.runs))
        except NotMeasured as error:
            return Result(self.slug, self.mark, None, str(error))
        except (KeyError, IndexError, TypeError) as error:
            reason = f"benchmarks/{self.runs[0]}.py printed other JSON than expected: {error!r}"
            return Result(self.slug, self.mark, None, reason)
        return Result(self.slug, self.mark, figures)


def _side(figure: str, peer: str) -> Read:
    """Compare a figure of `end_to_end.py` with that of another side."""

    def read(value: Any) -> Figures:
        sides = value["sides"]
        theirs = sides[peer][figure] if peer in sides else None
        return beside(sides["prelabel"][figure], theirs, value["missing"].get(peer, ""))

    return read


def _above_floor(figure: str) -> Read:
    return lambda value: beside(value["sides"]["prelabel"][figure], value["floor"])


def _sdk(ours: str, theirs: str, figure: str) -> Read:
    """Compare a figure of a form of ours with that of a form of the SDK."""

    def read(value: Any) -> Figures:
        peer = value["sdk"].get(theirs)
        return beside(value["ours"][ours][figure], peer and peer[figure], value["missing"].get("sdk", ""))

    return read


def _projects(number: int) -> Read:
    """Compare the rate of publishing to this many projects with that of publishing to one."""

    def read(value: Any) -> Figures:
        rates = {run["projects"]: run["rows"] / run["seconds"] for run in value}
        return beside(rates[number], rates[1])

    return read


def _drain(value: Any, workers: int) -> Any:
    """Return the figures of `busy.py` for this many workers."""
    return next(run for run in value if run["workers"] == workers)


def two_workers(value: Any) -> Figures:
    """Compare two workers with one, as if Redis and the server had cores of their own.

    One worker leaves the second core to Redis and the server, two do not: the time that those two took of both cores is
    subtracted from the time of two workers.
    """
    one, two = _drain(value, 1), _drain(value, 2)
    shared = (two["redis_cpu"] + two["sink_cpu"]) / 2
    rate = two["rows_per_second"] * two["wall"] / (two["wall"] - shared)
    measured = two["rows_per_second"] / one["rows_per_second"]
    return beside(rate, one["rows_per_second"], f"{measured:.2f} × with Redis and the server on the same two cores")


def growth(value: Any) -> Figures:
    """Compare the largest cost of a row's commit, at any size of a project, with that in the smallest one."""
    sizes = sorted(value, key=lambda size: float(size["rows"]))
    largest = max(size["microseconds"] for size in sizes)
    return beside(largest, sizes[0]["microseconds"], f"commits only, up to {sizes[-1]['rows']:,} rows")


def script_p99(sizes: Any, ends: Any) -> Figures:
    """Return the 99th percentile of the slowest script: of commits at every size of a project, and of all others."""
    slowest = [(size["p99_ms"], size["max_ms"], f"commit_rows at {size['rows']:,} rows") for size in sizes]
    slowest += [
        (script["p99_ms"], script["max_ms"], script["script"]) for script in ends["sides"]["prelabel"]["scripts"]
    ]
    p99, _, name = max(slowest)
    _, longest, which = max(slowest, key=lambda script: script[1])
    note = f"{name}; the longest call, of {which}, took {longest:.1f} ms (at most {MAX_SCRIPT_MS})"
    return Figures(p99, None, p99, note, longest <= MAX_SCRIPT_MS)


def imported(value: Any) -> Figures:
    """Compare `from prelabel import Publisher`: `import prelabel` alone loads nothing until a name of it is used."""
    note = f"`from prelabel import Publisher`; `import prelabel` alone takes {value['import prelabel']:.3f} s"
    return beside(value["from prelabel import Publisher"], value["import pydantic.main, redis"], note)


MEASURES: Sequence[Measure] = (
    Measure(
        "publish",
        "publishing from one process",
        "rows/s",
        at_least(80, "×"),
        ("end_to_end",),
        _side("published", "task per row"),
        peer="`delay` of a task per row",
    ),
    Measure(
        "drain",
        "draining a backlog, two worker processes",
        "rows/s",
        at_least(80, "×"),
        ("end_to_end",),
        _side("drained", "task per row"),
        peer="a task per row",
    ),
    Measure(
        "drain-batches",
        "the same",
        "rows/s",
        at_least(15, "×"),
        ("end_to_end",),
        _side("drained", "celery-batches"),
        peer="celery-batches, `flush_every=500`",
    ),
    Measure(
        "live",
        "publishing and importing at once",
        "rows/s",
        at_least(100, "×"),
        ("end_to_end",),
        _side("live", "task per row"),
        peer="a task per row",
    ),
    Measure(
        "sdk-wall",
        "rows from dicts to outcomes, workers running",
        "s",
        at_most(0.45, "×"),
        ("against_sdk",),
        _sdk("dicts", "dicts", "seconds"),
        peer="one call of the SDK",
    ),
    Measure(
        "sdk-rss",
        "peak memory of the publishing process",
        "MB",
        at_most(0.15, "×"),
        ("against_sdk",),
        _sdk("stream", "dicts", "memory"),
        peer="the process of the SDK",
    ),
    Measure(
        "sdk-types",
        "rows from annotation types to outcomes",
        "s",
        at_most(0.2, "×"),
        ("against_sdk",),
        _sdk("typed", "typed", "seconds"),
        peer="the SDK, from its annotation types",
    ),
    Measure(
        "worker-cpu",
        "CPU of the workers for a row, everything included",
        "µs",
        at_most(7, "×"),
        ("end_to_end",),
        _above_floor("worker_cpu"),
        peer="the floor",
    ),
    Measure(
        "render",
        "validating and rendering a row",
        "µs",
        at_most(3, "×"),
        ("rows",),
        lambda value: beside(value["build"], value["floor"]),
        peer="the floor",
    ),
    Measure(
        "redis-cpu",
        "CPU of Redis for a row, from `publish` to its outcome",
        "µs",
        at_most(1.5, "×"),
        ("end_to_end",),
        _above_floor("redis_cpu"),
        peer="the floor",
    ),
    Measure(
        "busy",
        "share of two cores used while a backlog is drained",
        "share",
        at_least(0.92, "share"),
        ("busy",),
        lambda value: alone(_drain(value, 2)["busy"]),
    ),
    Measure(
        "latency-p50",
        "from `publish` to the POST of one row, above the linger time, median",
        "s",
        at_most(0.1, "s"),
        ("latency",),
        lambda value: alone(value["p50"]),
    ),
    Measure(
        "latency-p99",
        "the same, 99th percentile",
        "s",
        at_most(0.25, "s"),
        ("latency",),
        lambda value: alone(value["p99"]),
    ),
    Measure(
        "redis-growth",
        "CPU of Redis for a row as a project grows: the largest",
        "µs",
        at_most(1.1, "×"),
        ("redis_growth",),
        growth,
        peer="the smallest project",
    ),
    Measure(
        "projects-1000",
        "publishing to 1,000 projects from one process",
        "rows/s",
        at_least(0.6, "share"),
        ("many_projects",),
        _projects(1000),
        peer="publishing to one project",
    ),
    Measure(
        "projects-3000",
        "publishing to 3,000 projects",
        "rows/s",
        at_least(0.3, "share"),
        ("many_projects",),
        _projects(3000),
        peer="publishing to one project",
    ),
    Measure(
        "projects-5000",
        "`close()` with 20 rows in each of 5,000 projects",
        "s",
        at_most(30, "s"),
        ("flush_projects",),
        lambda value: alone(value["close"]),
    ),
    Measure(
        "chunk-worker-ms",
        "CPU of the workers for a chunk of 50 rows",
        "ms",
        at_most(5, "ms"),
        ("small_chunks",),
        lambda value: alone(value["worker_ms"]),
    ),
    Measure(
        "chunk-redis-ms",
        "CPU of Redis for a chunk of 50 rows",
        "ms",
        at_most(1.5, "ms"),
        ("small_chunks",),
        lambda value: alone(value["redis_ms"]),
    ),
    Measure(
        "chunk-bytes",
        "memory of Redis for a waiting row of a small project",
        "bytes",
        at_most(200, "bytes"),
        ("small_chunks",),
        lambda value: alone(value["bytes_per_row"]),
    ),
    Measure(
        "two-workers",
        "draining with two worker processes, beside Redis's share",
        "rows/s",
        at_least(1.85, "×"),
        ("busy",),
        two_workers,
        peer="one worker process",
    ),
    Measure(
        "script-p99-ms",
        "time of the slowest script at any size of a project, 99th percentile",
        "ms",
        at_most(2, "ms"),
        ("redis_growth", "end_to_end"),
        script_p99,
    ),
    Measure(
        "worker-rss-mb",
        "memory of a worker process and its children",
        "MB",
        at_most(120, "MB"),
        ("busy",),
        lambda value: alone(max(run["worker_rss"] for run in value)),
    ),
    Measure(
        "import",
        "importing what a publisher needs, CPU",
        "s",
        at_most(1.2, "×"),
        ("start_up",),
        imported,
        peer="`import pydantic.main, redis`",
    ),
)


def results(outputs: Mapping[str, Output], measures: Sequence[Measure] = MEASURES) -> list[Result]:
    """Return the results of all measures, in their order."""
    return [measure.result(outputs) for measure in measures]
