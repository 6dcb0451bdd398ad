"""`python -m tests.chaos.doors`: one seeded run; ends with exit code 1 if counts in are not counts out."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.doors.driver import Driver
from tests.chaos.doors.judge import Judgement, judge
from tests.chaos.doors.plan import plan
from tests.chaos.doors.site import Doors
from tests.chaos.doors.table import page
from tests.chaos.leaks import leaks

_FLEET_SECONDS = 120.0
_DRAIN_SECONDS = 240.0
_END_SECONDS = 60.0
_COMPARE_SECONDS = 2.0


def main() -> int:
    """Run, print the page, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.doors", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=960, help="how long records come in and things are broken")
    parser.add_argument("--kills", type=int, default=70)
    parser.add_argument("--rate", type=float, default=4, help="records a second that come to each door")
    parser.add_argument("--outage", type=float, default=60, help="seconds for which Redis is away, twice")
    parser.add_argument("--quiet", action="store_true", help="do not say each fault as it is injected")
    given = parser.parse_args()
    events = plan(given.seed, given.seconds, given.kills, given.outage)
    folder = Path(tempfile.mkdtemp(prefix="prelabel-doors-"))
    begun = time.monotonic()
    with Doors(folder, given.seed, given.rate) as site:
        driver = Driver(site, events, given.outage, (lambda _: None) if given.quiet else print)
        driver.run(given.seconds)
        found = _drain(site, driver)
        found.problems += [*driver.problems, *(f"a secret is in {place}" for place in leaks(site.stack, folder))]
        print(f"seed {given.seed}")
        print("\n".join(page(site, driver, found, time.monotonic() - begun)), flush=True)
    if found.passed:
        shutil.rmtree(folder)
    else:
        print(f"its logs are in {folder}", file=sys.stderr)
    return 0 if found.passed else 1


def _drain(site: Doors, driver: Driver) -> Judgement:
    """Let the fleets end, wait until everything that came in has become what it should, and end the doors."""
    problems = [f"{fleet} has ended" for fleet in site.all_fleets() if not fleet.is_alive()]
    site.fleets.set()
    if not driver.until(lambda: not any(fleet.is_alive() for fleet in site.all_fleets()), _FLEET_SECONDS):
        problems.append(f"a fleet could not write its last records within {_FLEET_SECONDS:.0f} s")
    ends = time.monotonic() + _DRAIN_SECONDS
    while not (found := judge(site)).passed and time.monotonic() < ends:
        driver.until(lambda: False, _COMPARE_SECONDS)
    found.problems += problems
    site.terminate(site.doors)
    codes: dict[str, int] = {}
    ends = time.monotonic() + _END_SECONDS
    while len(codes) < len(site.doors) and time.monotonic() < ends:
        codes |= site.take_ended()
        time.sleep(_COMPARE_SECONDS / 10)
    for name in site.doors:
        if codes.get(name, "no end") not in (0, -15):
            found.problems.append(f"{name} ended with {codes.get(name, 'SIGKILL: SIGTERM did not end it')}")
    return found


if __name__ == "__main__":
    sys.exit(main())
