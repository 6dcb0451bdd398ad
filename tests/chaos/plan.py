"""The schedule of what is broken when, which follows from the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.workload import ONCE, POISON

KILLS = {
    "a pool child": 4,
    "a worker": 2,
    "a worker, uploading": 3,
    "a producer": 3,
    "Redis": 2,
    "the sandbox": 2,
    "all workers": 1,
    "Redis, then a producer": 2,
}
"""Whom SIGKILL takes, and how often in a deck."""
STOPS = {
    "a worker, stopped": 13.0,
    "a pool child, stopped": 13.0,
    "Redis, stopped": 3.0,
}
"""Whom SIGSTOP takes, and for how many seconds: workers for longer than a lease."""
FAULTS: dict[str, dict[str, Any]] = {
    "429 with Retry-After": {"fault": "429", "seconds": 2, "retryAfter": 1},
    "500": {"fault": "500", "seconds": 2},
    "503": {"fault": "503", "seconds": 3},
    "504 after acceptance": {"fault": "accept-then-time-out", "seconds": 2, "status": 504},
    "reset while uploading": {"fault": "reset", "seconds": 2},
    "accepted, then cut": {"fault": "accept-then-time-out", "seconds": 2, "cut": True},
    "accepted, never answered": {"fault": "accept-then-time-out", "times": 2, "hold": 8},
    "answers late": {"fault": "latency", "seconds": 3, "latency": 1.5},
    "imports stay RUNNING": {"fault": "stuck-running", "seconds": 5},
    "imports FAILED": {"fault": "failed-import", "times": 2},
    "a poison row": {"fault": "failed-import", "seconds": 8, "match": POISON},
    "rows refused": {"fault": "row-failure", "times": 2, "every": 50},
    "status lines lost": {"fault": "lost-status-lines", "times": 2, "every": 100},
    "file addresses expired": {"fault": "file-status", "seconds": 2, "status": 403},
    "files gone": {"fault": "file-status", "times": 4, "status": 404},
}
"""What the sandbox does wrong; each ends within seconds."""
DEADLINE_SECONDS = 45.0
"""An import that runs longer ends its chunk."""
LONG_FAULTS: dict[str, dict[str, Any]] = {
    "RUNNING beyond the deadline": {
        "fault": "stuck-running",
        "seconds": DEADLINE_SECONDS + 15,
        "project": ONCE,
    },
    "429 without Retry-After": {"fault": "429", "times": 1, "retryAfter": None},
}
"""Those that take a minute: only in runs of more than ten."""
QUIET_SECONDS = 75.0
"""Nothing is killed for so long beside one of those: it stops the whole account, so nobody's recovery could be seen."""
LONG_RUN_SECONDS = 600.0
_LEAD, _TAIL = 4.0, 4.0


@dataclass(frozen=True, order=True)
class Event:
    """A part to break. `pick`, in [0, 1), chooses among the parts that run; `options` are those of a sandbox fault."""

    at: float
    kind: str
    pick: float = 0.0
    options: dict[str, Any] | None = field(default=None, compare=False)


def plan(seed: int, seconds: float, kills: int) -> list[Event]:
    """`kills` SIGKILLs, or pairs of them, spread over the seconds; between them stops and faults.

    Of stops and faults each kind comes as often as the others. Raises ValueError when the kills do not fit.
    """
    rng = random.Random(f"plan:{seed}")
    long_faults = deck(rng, dict.fromkeys(LONG_FAULTS, 1))
    longs = int(seconds // LONG_RUN_SECONDS) * len(LONG_FAULTS)
    slot = (seconds - _LEAD - _TAIL - longs * QUIET_SECONDS) / kills
    if slot <= 0:
        raise ValueError(f"{kills} kills do not fit into {seconds} s")
    quiet_before = {kills * (n + 1) // (longs + 1) for n in range(longs)}
    victims, faults = deck(rng, KILLS), deck(rng, dict.fromkeys(FAULTS, 1))
    stops, stopped_until = deck(rng, dict.fromkeys(STOPS, 1)), 0.0
    events, at = [], _LEAD
    for number in range(kills):
        if number in quiet_before:
            kind = next(long_faults)
            events.append(Event(at, kind, options=LONG_FAULTS[kind]))
            at += QUIET_SECONDS
        events.append(Event(at + slot * rng.uniform(0, 0.4), next(victims), rng.random()))
        if number % 4 == 1 and at >= stopped_until and at < seconds - 20:
            kind = next(stops)
            events.append(Event(at + slot * rng.uniform(0.4, 0.6), kind, rng.random()))
            stopped_until = at + STOPS[kind] + 3  # one at a time, so that somebody is left
        elif at < seconds - 8:
            kind = next(faults)
            events.append(Event(at + slot * rng.uniform(0.5, 0.9), kind, options=FAULTS[kind]))
        at += slot
    return sorted(events)


def deck(rng: random.Random, counts: dict[str, int]) -> Iterator[str]:
    """Yield kinds endlessly, in rounds; each round has every kind as often as `counts` says, in random order."""
    while True:
        cards = [kind for kind, count in counts.items() for _ in range(count)]
        rng.shuffle(cards)
        yield from cards
