"""Run the benchmark suite: `python -m benchmarks.suite`, see `make bench`."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.suite import machine, report
from benchmarks.suite.figures import Result
from benchmarks.suite.measures import MEASURES, Measure, results
from benchmarks.suite.plots import plots_of, svg
from benchmarks.suite.runs import FOLDER, NAMES, RUNS, Output, Run, Size, call

RESULTS = FOLDER / "results"


def measured(runs: Sequence[Run], size: Size) -> dict[str, Output]:
    """Call the scripts one after the other; for a smoke run two at a time, since its times mean nothing."""

    def one(run: Run) -> Output:
        print(f"{run.command(size)} …", file=sys.stderr, flush=True)
        return call(run, size)

    with ThreadPoolExecutor(max_workers=2 if size is Size.SMOKE else 1) as pool:
        return dict(zip((run.script for run in runs), pool.map(one, runs), strict=True))


def without_figure(found: Sequence[Result]) -> list[Result]:
    """Return the measures that have no figure of ours."""
    return [result for result in found if result.figures is None]


def write(size: Size, measures: Sequence[Measure], outputs: dict[str, Output], facts: dict[str, str], to: Path) -> None:
    """Write the results into a folder: JSON for every size, the page and its plots for the full one."""
    found = results(outputs, measures)
    (to / f"{size}.json").write_bytes(report.json_of(found))
    if size is Size.FULL:
        plots = plots_of(outputs)
        (to / "full.md").write_text(report.page(size, facts, measures, found, outputs, plots), "utf-8")
        for plot in plots:
            (to / f"{plot.name}.svg").write_text(svg(plot), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__)
    parser.add_argument("size", type=Size, choices=list(Size), help="full writes the page and the plots too")
    parser.add_argument("--only", help=f"scripts to run, of {', '.join(NAMES)}; nothing is written then")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else NAMES
    runs = [run for run in RUNS if options.size in run.arguments and run.script in only]
    measures = [measure for measure in MEASURES if {run.script for run in runs}.issuperset(measure.runs)]
    facts = machine.described()
    outputs = measured(runs, options.size)
    found = results(outputs, measures)
    print(report.table(measures, found))
    if options.size is not Size.SMOKE and not options.only:
        write(options.size, measures, outputs, facts, RESULTS)
    missing = without_figure(found)
    for result in missing:
        print(f"{result.slug}: no figure: {result.reason}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
