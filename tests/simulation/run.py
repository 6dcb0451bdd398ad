"""Run many seeds, or show one: `python -m tests.simulation.run --seeds 10000 --steps 200 --processes 2`."""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="run this one alone and print its history")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without", default="", choices=sorted(SWITCHES), help="leave one rule out: it must fail")
    parser.add_argument("--switches", action="store_true", help="leave out each rule in turn, and tell how many fail")
    options = parser.parse_args()
    if options.seed is not None:
        (outcome,) = outcomes(range(options.seed, options.seed + 1), options.steps, options.without)
        print("\n".join(outcome.history))
        print(outcome.problem or "nothing is violated")
        print(f"{outcome.steps} steps, {outcome.messages} messages, history {outcome.digest}")
        return 1 if outcome.problem else 0
    return _many(options)


def _many(options: argparse.Namespace) -> int:
    began = time.monotonic()
    last = options.first + options.seeds
    parts = [
        (range(at, min(at + _PART, last)), options.steps, options.without) for at in range(options.first, last, _PART)
    ]
    steps = messages = done = 0
    problems: list[Outcome] = []
    kinds: Counter[str] = Counter()
    with multiprocessing.Pool(options.processes) as pool:
        for part in pool.imap_unordered(_part, parts):
            done += len(part)
            steps += sum(each.steps for each in part)
            messages += sum(each.messages for each in part)
            for each in part:
                if each.problem:
                    problems.append(each)
                    kinds[" ".join(each.problem.split("\n")[0].split()[:12])] += 1
                    print(f"seed {each.seed}: {each.problem.splitlines()[0]}", flush=True)
    seconds = time.monotonic() - began
    pace = f"{done / seconds * 60:.0f} seeds a minute"
    print(f"{done} seeds, {steps} steps, {messages} messages in {seconds:.0f} s ({pace})")
    print(f"{len(problems)} seeds violate an invariant")
    if problems:
        first = min(problems, key=lambda each: each.steps)
        print(f"the shortest again: --seed {first.seed} --steps {options.steps}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
