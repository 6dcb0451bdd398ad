"""Runs many seeds, or shows one: `python -m tests.simulation.run --seeds 10000 --steps 200 --processes 2`."""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.patches import installed, script_sources
from tests.simulation.simulation import Outcome, simulate
from tests.simulation.switches import NOTHING, SWITCHES
from tests.simulation.wire import Server

_PART = 50


def outcomes(seeds: range, steps: int, without: str = "") -> Iterator[Outcome]:
    """One after another, on one Redis; `without` one of the switches' rules."""
    switch = SWITCHES[without] if without else NOTHING
    with installed(), switch.off():
        server = Server()
        try:
            server.load(script_sources(), switch.rewrite)
            for seed in seeds:
                yield simulate(seed, steps, server)
        finally:
            server.close()


def _part(work: tuple[range, int, str]) -> list[Outcome]:
    return list(outcomes(*work))


@dataclass
class Total:
    """The results of many seeds."""

    seeds: int = 0
    steps: int = 0
    messages: int = 0
    problems: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.steps += outcome.steps
        self.messages += outcome.messages
        if outcome.problem:
            self.problems.append(outcome)


def many(options: argparse.Namespace, without: str, *, loud: bool) -> Total:
    """Run all seeds, divided among processes."""
    last = options.first + options.seeds
    parts = [(range(at, min(at + _PART, last)), options.steps, without) for at in range(options.first, last, _PART)]
    total = Total()
    with multiprocessing.Pool(options.processes) as pool:
        for part in pool.imap_unordered(_part, parts):
            for outcome in part:
                total.add(outcome)
                if loud and outcome.problem:
                    print(f"seed {outcome.seed}: {outcome.problem.splitlines()[0]}", flush=True)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="run this one alone and print its history")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without", default="", choices=["", *SWITCHES], help="leave one rule out: it must fail")
    parser.add_argument("--switches", action="store_true", help="leave out each rule in turn, and tell how many fail")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options)
    if options.switches:
        return _switches(options)
    began = time.monotonic()
    total = many(options, options.without, loud=True)
    seconds = time.monotonic() - began
    pacer = f"{total.seeds / seconds * 60:.0f} seeds a minute"
    print(f"{total.seeds} seeds, {total.steps} steps, {total.messages} messages in {seconds:.0f} s ({pacer})")
    print(f"{len(total.problems)} seeds violate an invariant")
    return 1 if total.problems else 0


def _one(options: argparse.Namespace) -> int:
    (outcome,) = outcomes(range(options.seed, options.seed + 1), options.steps, options.without)
    print("\n".join(outcome.history))
    print(outcome.problem or "nothing is violated")
    print(f"{outcome.steps} steps, {outcome.messages} messages, history {outcome.digest}")
    return 1 if outcome.problem else 0


def _switches(options: argparse.Namespace) -> int:
    harmless = 0
    for name, switch in SWITCHES.items():
        total = many(options, name, loud=False)
        print(f"{len(total.problems):5} of {total.seeds} fail without `{name}`: {switch.rule}", flush=True)
        harmless += not total.problems
    return 1 if harmless else 0


if __name__ == "__main__":
    sys.exit(main())
