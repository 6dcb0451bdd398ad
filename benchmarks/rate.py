"""Check that workers keep, use and share the request budget: real workers, judged by the sandbox's own log.

    python benchmarks/rate.py [--limit 1500] [--seconds 180] [--projects 50] [--workers 4]

Every chunk has one row, so that permits are scarce. There are two runs: equal projects that all have work until the
end, and one enormous project beside small ones. The exit code is 1 if one of these bounds is broken:

- the most requests in any 60 s, both ends included: at most the limit;
- the share of the limit that was used after the first minute, while there was work: at least 95 %. It cannot be more
  than (limit - burst) / limit * 60 / 61: a burst of 20 and a permit that may be used a second late cost 3 % of 1,500;
- Jain's index (sum x)^2 / (n * sum x^2) of the uploads of equal projects in that time: at least 0.95;
- beside an enormous project: Jain's index of the small projects, also at least 0.95, and the time of the last of them,
  at most 1.5 times as long as with an equal share of the budget.
"""

import argparse
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from prelabel import Publisher
from prelabel_worker.queries.status import Inspector
from prelabel_worker.stack.stack import Stack

MINUTE = 60.0
USED_AT_LEAST, FAIR_AT_LEAST, LAST_SMALL_AT_MOST = 0.95, 0.95, 1.5
CREATE = "createModelAssistedLabelingPredictionImport"


def most_in_a_minute(times: list[float]) -> int:
    """Return how many of these sorted times lie in the busiest 60 s."""
    return max((bisect_right(times, start + MINUTE) - at for at, start in enumerate(times)), default=0)


def jain(counts: list[int]) -> float:
    """Return Jain's index: 1 if all counts are equal, 1/n if one of them has everything."""
    return sum(counts) ** 2 / (len(counts) * sum(count**2 for count in counts)) if any(counts) else 0.0


class Run:
    """One stack, and projects with their number of rows; every row is a chunk of its own."""

    def __init__(self, stack: Stack, rows: dict[str, int]) -> None:
        self.stack = stack
        self.rows = rows
        self.sandbox = f"{stack.file.sandbox_url}/_sandbox"
        self.inspector = Inspector(stack.client())

    def publish(self) -> None:
        """Publish one row of each project at a time, so that each row is a frame."""
        tools = [{"tool": "rectangle", "name": "vessel"}]
        for project in self.rows:
            body = {"id": project, "ontology": {"tools": tools}, "dataRows": "any"}
            httpx.post(f"{self.sandbox}/projects", json=body).raise_for_status()
        box = {"name": "vessel", "bbox": {"top": 1, "left": 1, "height": 3, "width": 4}}
        with Publisher(self.stack.file.redis_url) as publisher:
            for number in range(max(self.rows.values())):
                for project, rows in self.rows.items():
                    if number < rows:
                        row = {"projectId": project, "dataRow": {"globalKey": f"k{number}"}, "annotations": [box]}
                        publisher.publish(row)
                publisher.flush()

    def log(self) -> list[dict[str, Any]]:
        entries = httpx.get(f"{self.sandbox}/requests", timeout=60).raise_for_status().json()
        return [entry for entry in entries if entry["operation"]]

    def pending(self) -> dict[str, int]:
        return {status.project_id: status.pending for status in self.inspector.all()}


def equal(run: Run, seconds: float, limit: int) -> bool:
    """Run equal projects that have work until the end; return whether the bounds are kept."""
    run.publish()
    time.sleep(max(0.0, run.log()[0]["time"] + seconds - time.time()))
    log, fewest_left = run.log(), min(run.pending().values())
    begin = log[0]["time"] + MINUTE
    end = log[0]["time"] + seconds
    measured = [entry for entry in log if begin <= entry["time"] < end]
    most = most_in_a_minute([entry["time"] for entry in log])
    used = len(measured) / ((end - begin) * limit / MINUTE)
    uploads = Counter(entry["projectId"] for entry in measured if entry["operation"] == CREATE)
    fair = jain([uploads[project] for project in run.rows])
    print(
        f"  {len(log):,} requests, {sum(uploads.values()):,} uploads after the first minute; at least {fewest_left} "
        "rows left"
    )
    print(f"  most in any 60 s: {most:,} of {limit:,}; used {used:.1%}; Jain {fair:.3f}")
    return most <= limit and used >= USED_AT_LEAST and fair >= FAIR_AT_LEAST and fewest_left > 0


def enormous(run: Run, small: list[str], limit: int) -> bool:
    """Run one enormous project until the last of the small ones is settled; return whether the bounds are kept."""
    run.publish()
    while any(pending for project, pending in run.pending().items() if project in small):
        time.sleep(0.5)
    log = run.log()
    began = log[0]["time"]
    most = most_in_a_minute([entry["time"] for entry in log])
    uploads = [entry for entry in log if entry["operation"] == CREATE]
    last = {
        project: max(upload["time"] for upload in uploads if upload["projectId"] == project) - began
        for project in small
    }
    # With equal shares, each project, the enormous one too, would have had as many uploads as a small one has rows.
    share = run.rows[small[0]] * len(run.rows) * MINUTE / limit
    half = [upload["projectId"] for upload in uploads if upload["time"] < began + share / 2]
    fair = jain([half.count(project) for project in small])
    giant = sum(upload["projectId"] not in small for upload in uploads)
    later = max(last.values()) / share
    print(f"  {len(log):,} requests; {giant:,} of {len(uploads):,} uploads are the enormous project's")
    print(f"  most in any 60 s: {most:,} of {limit:,}; Jain of the small ones half-way {fair:.3f}")
    print(
        f"  the last small one was sent after {max(last.values()):.0f} s, {later:.2f} of an equal share's {share:.0f} s"
    )
    return most <= limit and fair >= FAIR_AT_LEAST and later <= LAST_SMALL_AT_MOST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    settings = {
        "PRELABEL_REQUESTS_PER_MINUTE": str(options.limit),
        "PRELABEL_CHUNK_ROWS": "1",
        "PRELABEL_LINGER_SECONDS": "0",
    }
    names = [f"p{number:02}" for number in range(options.projects)]
    rows_each = round(1.4 * options.limit / MINUTE * options.seconds / options.projects)
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        with Stack(Path(folder), workers=options.workers, settings=settings) as stack:
            print(f"{options.projects} equal projects, {rows_each} rows each, {options.seconds:.0f} s", flush=True)
            kept &= equal(Run(stack, dict.fromkeys(names, rows_each)), options.seconds, options.limit)
        with Stack(Path(folder), workers=options.workers, settings=settings, fresh=True) as stack:
            small = rows_each // 4
            print(f"one project of {rows_each * 20:,} rows beside {options.projects - 1} of {small}", flush=True)
            rows = {names[0]: rows_each * 20, **dict.fromkeys(names[1:], small)}
            kept &= enormous(Run(stack, rows), names[1:], options.limit)
    print("bounds kept" if kept else "A BOUND IS BROKEN")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
