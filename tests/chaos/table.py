"""The run on one page; the last line is the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tests.chaos.compare import Verdict
from tests.chaos.plan import KILLS
from tests.chaos.recovery import BOUND_SECONDS, Recoveries


@dataclass(frozen=True)
class Outcome:
    """All that a run found out. `problems`: what is wrong besides the comparison, in words."""

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
        """Whether everything holds that was promised."""
        return self.verdict.right and not self.problems and self.recoveries.slowest_kill <= BOUND_SECONDS


def page(outcome: Outcome) -> Iterator[str]:
    """Line by line."""
    recoveries, verdict = outcome.recoveries, outcome.verdict
    yield f"{'fault':<32}{'injected':>9}{'recovered: median':>19}{'worst':>9}"
    for kind in sorted(recoveries.injected, key=lambda kind: (kind not in KILLS, kind)):
        seconds = recoveries.seconds[kind]
        times = f"{median(seconds):17.1f} s{max(seconds):7.1f} s" if seconds else f"{'-':>19}{'-':>9}"
        signal = "SIGKILL " if kind in KILLS else ""
        yield f"{signal + kind:<32}{recoveries.injected[kind]:>9}{times}"
    yield ""
    yield f"{outcome.rows:,} rows counted once by Redis, {outcome.unconfirmed:,} more were begun by killed producers"
    yield f"{outcome.bad:,} bad rows held, {outcome.retried:,} letters of faults sent back, {outcome.seconds:.0f} s"
    yield f"lost {verdict.lost}, doubled {verdict.doubled}, older {verdict.older}, foreign {verdict.foreign}"
    yield from verdict.examples
    yield from outcome.problems
    yield (
        f"chaos: {recoveries.kills} kills, {outcome.rows:,} rows, lost {verdict.lost}, "
        f"doubled {verdict.doubled + verdict.older + verdict.foreign}, "
        f"slowest recovery {recoveries.slowest_kill:.1f} s: {'PASS' if outcome.passed else 'FAIL'}"
    )
