"""The run on one page; the last line is the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tests.chaos.compare import Verdict
from tests.chaos.plan import KILLS
from tests.chaos.recovery import BOUND_SECONDS, Recoveries


@dataclass(frozen=True)
class Outcome:
    """The results of a run. `problems` describes what is wrong apart from the comparison."""

    rows: int
    unconfirmed: int
    bad: int
    retried: int
    seconds: float
    recoveries: Recoveries
    verdict: Verdict
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Return whether all promises were kept."""
        return self.verdict.right and not self.problems and self.recoveries.within_bound


def page(outcome: Outcome) -> Iterator[str]:
    """Return the page, line by line."""
    recoveries, verdict = outcome.recoveries, outcome.verdict
    yield f"{'seconds until work continues':<32}{'injected':>9}{'median':>9}{'worst':>9}{'after last of series':>22}"
    for kind in sorted(recoveries.injected, key=lambda kind: (kind not in KILLS, kind)):
        found = recoveries.found[kind]
        times = f"{'-':>9}{'-':>9}{'-':>22}"
        if found:
            middle, worst = median(each.seconds for each in found), max(each.seconds for each in found)
            times = f"{middle:9.1f}{worst:9.1f}{max(each.after_last for each in found):22.1f}"
        signal = "SIGKILL " if kind in KILLS else ""
        yield f"{signal + kind:<32}{recoveries.injected[kind]:>9}{times}"
    yield ""
    yield f"{outcome.rows:,} rows counted once by Redis, {outcome.unconfirmed:,} more were begun by killed producers"
    yield f"{outcome.bad:,} bad rows held, {outcome.retried:,} dead letters sent back, {outcome.seconds:.0f} s"
    yield f"lost {verdict.lost}, doubled {verdict.doubled}, older {verdict.older}, foreign {verdict.foreign}"
    yield from verdict.examples
    yield from outcome.problems
    slowest = recoveries.slowest_kill
    series = f" ({slowest.after_last:.1f} s after the last of a series)" if slowest.seconds > BOUND_SECONDS else ""
    yield (
        f"chaos: {recoveries.kills} kills, {outcome.rows:,} rows, lost {verdict.lost}, "
        f"doubled {verdict.doubled + verdict.older + verdict.foreign}, "
        f"slowest recovery {slowest.seconds:.1f} s{series}: {'PASS' if outcome.passed else 'FAIL'}"
    )
