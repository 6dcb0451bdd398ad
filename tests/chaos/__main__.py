"""`python -m tests.chaos`: one seeded run; ends with exit code 1 if anything is lost, doubled, leaked or slow."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from tests.chaos.compare import Expected, Verdict, compare_dead, compare_pre_labels, expected
from tests.chaos.driver import Driver
from tests.chaos.leaks import leaks
from tests.chaos.plan import plan
from tests.chaos.readback import held_messages, pre_labels
from tests.chaos.site import Site
from tests.chaos.table import Outcome, page
from tests.chaos.workload import PROJECTS, Workload


def main() -> int:
    """Run, print the page, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1700, help="how long rows are published and things broken")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=110)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--producers", type=int, default=2)
    parser.add_argument("--quiet", action="store_true", help="do not say each fault as it is injected")
    given = parser.parse_args()
    events = plan(given.seed, given.seconds, given.kills)
    workload = Workload(given.seed, given.rows, given.producers)
    folder = Path(tempfile.mkdtemp(prefix="prelabel-chaos-"))
    begun = time.monotonic()
    with Site(folder, workload, workers=given.workers, rate=given.rows / given.seconds) as site:
        driver = Driver(site, events, (lambda _: None) if given.quiet else print)
        driver.run()
        driver.drain()
        outcome = _judge(site, driver, begun)
    print(f"seed {given.seed}")
    print("\n".join(page(outcome)), flush=True)
    if outcome.passed:
        shutil.rmtree(folder)
    else:
        print(f"its logs and journals are in {folder}", file=sys.stderr)
    return 0 if outcome.passed else 1


def _judge(site: Site, driver: Driver, begun: float) -> Outcome:
    client = site.stack.client()
    wanted = expected(
        site.workload, {number: site.went(f"producer{number}") for number in range(site.workload.producers)}
    )
    verdict = Verdict()
    compare_pre_labels(wanted, pre_labels(site.stack, PROJECTS), verdict)
    held = list(held_messages(client, PROJECTS))
    compare_dead(wanted, held, verdict)
    rows = sum(Inspector(client).status(project).published for project in PROJECTS)
    return Outcome(
        rows=rows,
        unconfirmed=wanted.begun - wanted.confirmed,
        bad=len(held),
        retried=driver.retried,
        seconds=time.monotonic() - begun,
        recoveries=driver.recoveries,
        verdict=verdict,
        problems=[
            *_sums(client, wanted, rows),
            *(f"a secret is in {place}" for place in leaks(site.stack, site.folder)),
        ],
    )


def _sums(client: Any, wanted: Expected, rows: int) -> Iterator[str]:
    """Return the counts that do not agree, in words."""
    for found in audit(client):
        yield from (f"audit of {found.project_id}: {difference}" for difference in found.differences)
    if not wanted.confirmed <= rows <= wanted.begun:
        yield f"Redis counted {rows} rows; {wanted.confirmed} were confirmed, {wanted.begun} begun"


if __name__ == "__main__":
    sys.exit(main())
