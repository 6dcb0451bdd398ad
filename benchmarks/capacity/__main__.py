"""The command: `python -m benchmarks.capacity`."""

import argparse
from typing import Any

import msgspec

from benchmarks.capacity import costs as costs_file
from benchmarks.capacity import report
from benchmarks.capacity.scenario import DAY_SECONDS, Scenario
from benchmarks.capacity.simulation import simulate
from benchmarks.capacity.sizing import need


def _scenario_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows-a-day", type=float, required=True)
    for field in msgspec.structs.fields(Scenario):
        if field.name in ("rows_a_second", "one_machine"):
            continue
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, default=field.default)


def _scenario(options: argparse.Namespace) -> Scenario:
    values: dict[str, Any] = {
        field.name: getattr(options, field.name)
        for field in msgspec.structs.fields(Scenario)
        if hasattr(options, field.name)
    }
    return Scenario(rows_a_second=options.rows_a_day / DAY_SECONDS, **values)


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    commands = parser.add_subparsers(dest="command", required=True)
    _scenario_options(commands.add_parser("size", help="what a load needs, in closed form"))
    _scenario_options(commands.add_parser("simulate", help="run the simulation of a load"))
    measure = commands.add_parser("measure", help="measure the costs on this machine and write costs.json")
    measure.add_argument("--rows", type=int, default=120_000)
    check = commands.add_parser("check", help="print predictions beside runs on this machine")
    check.add_argument("--rows", type=int, default=200_000)
    check.add_argument("--processes", default="2,4,8")
    check.add_argument("--chunk-rows", type=int, default=10_000)
    options = parser.parse_args()
    if options.command == "size":
        print(report.of_need(need(options.rows_a_day, _scenario(options), costs_file.read())))
    elif options.command == "simulate":
        scenario = _scenario(options)
        print(report.of_result(scenario, simulate(scenario, costs_file.read())))
    elif options.command == "measure":
        from benchmarks.capacity.real import measure as measure_costs

        costs_file.write(measure_costs(options.rows))
        print(costs_file.FILE.read_text("utf-8"))
    else:
        from benchmarks.capacity.real import check as check_predictions

        check_predictions(options.rows, [int(count) for count in options.processes.split(",")], options.chunk_rows)


if __name__ == "__main__":
    main()
