"""The run on one page; the last line is the verdict."""

from collections import Counter
from collections.abc import Iterator
from statistics import median

from tests.chaos.doors.driver import Driver
from tests.chaos.doors.judge import Judgement
from tests.chaos.doors.plan import KILLS
from tests.chaos.doors.site import Doors
from tests.chaos.recovery import Recoveries

_COLUMNS = ("records", "messages", "dead", "bad", "published", "repeats", "kept again")


def page(site: Doors, driver: Driver, found: Judgement, seconds: float) -> Iterator[str]:
    """Return the page, line by line."""
    yield f"{'project':<28}" + "".join(f"{name:>12}" for name in _COLUMNS)
    for project, door in found.doors.items():
        counts = (door.records, door.messages, door.dead, door.bad.total(), door.published, door.repeats)
        yield f"{project:<28}" + "".join(f"{count:>12,}" for count in (*counts, door.kept_again))
    yield from _fleets(site)
    bad = sum((door.bad for door in found.doors.values()), Counter[str]())
    yield "bad records: " + ", ".join(f"{count} {flaw}" for flaw, count in sorted(bad.items()))
    yield ""
    yield from _recoveries(driver.recoveries)
    yield ""
    yield from found.verdict.examples
    yield from found.problems
    records, verdict = sum(door.records for door in found.doors.values()), found.verdict
    yield (
        f"doors: {driver.killed.total()} kills, {records:,} records of which {bad.total():,} bad, {seconds:.0f} s, "
        f"lost {verdict.lost}, doubled {verdict.doubled}, older {verdict.older}, foreign {verdict.foreign}: "
        f"{'PASS' if found.passed else 'FAIL'}"
    )


def _fleets(site: Doors) -> Iterator[str]:
    for project, clients in site.clients.items():
        requests = sum((client.told.requests for client in clients), Counter[int]())
        again = sum((client.told.again for client in clients), Counter[int]())
        refused = ", ".join(f"{count} with {status}" for status, count in sorted(requests.items()))
        repeated = ", ".join(f"{count} after {status or 'no answer'}" for status, count in sorted(again.items()))
        yield f"{project}: requests refused: {refused}; sent again: {repeated}"
    for project, writer in site.writers.items():
        if writer.failed:
            yield f"{project}: {writer.failed} attempts to write did not reach the broker"


def _recoveries(recoveries: Recoveries) -> Iterator[str]:
    yield f"{'seconds until further rows':<32}{'injected':>9}{'median':>9}{'worst':>9}{'after last of series':>22}"
    for kind in sorted(recoveries.injected, key=lambda kind: (kind not in KILLS, kind)):
        if found := recoveries.found[kind]:
            middle, worst = median(each.seconds for each in found), max(each.seconds for each in found)
            after = max(each.after_last for each in found)
            signal = "SIGKILL " if kind in KILLS else ""
            yield f"{signal + kind:<32}{recoveries.injected[kind]:>9}{middle:9.1f}{worst:9.1f}{after:22.1f}"
