"""The schedule of what is broken when, which follows from the seed."""

import random

from tests.chaos.plan import Event, deck

GATEWAYS = ("gateway", "gateway-without-disk")
BRIDGES = ("stream", "folder", "kafka", "kafka-2", "nats", "sqs")
DOORS = (*GATEWAYS, *BRIDGES)
SOURCES = ("nats-server", "stream-redis")
"""Brokers that keep what they have on a disk, so that a kill must lose nothing."""
KILLS = {
    "gateway": 3,
    "gateway-without-disk": 2,
    "stream": 2,
    "folder": 3,
    "kafka": 2,
    "kafka-2": 1,
    "nats": 2,
    "sqs": 2,
    "nats-server": 1,
    "stream-redis": 1,
    "Redis": 2,
    "all doors": 1,
}
"""Whom SIGKILL takes, and how often in a deck."""
STOPS = {"Redis, stopped": 6.0, "a door, stopped": 14.0}
"""Whom SIGSTOP takes, and for how many seconds: doors for longer than brokers wait for them."""
OUTAGES = ("Redis, killed and away", "Redis, stopped and away")
"""Ways in which Redis is away for long, one after the other; it takes no door's rows, nor a worker's."""
_LEAD, _TAIL = 4.0, 4.0


def plan(seed: int, seconds: float, kills: int, outage_seconds: float) -> list[Event]:
    """`kills` SIGKILLs spread over the seconds, a stop after every fifth, and the outages at a third and two thirds.

    Doors are also killed during an outage. Raises ValueError when the outages do not fit.
    """
    share = seconds / (len(OUTAGES) + 1)
    if share < outage_seconds + _LEAD:
        raise ValueError(f"{len(OUTAGES)} outages of {outage_seconds:.0f} s do not fit into {seconds:.0f} s")
    rng = random.Random(f"doors:{seed}")
    victims, stops = deck(rng, KILLS), deck(rng, dict.fromkeys(STOPS, 1))
    slot = (seconds - _LEAD - _TAIL) / kills
    events = [Event(_LEAD + slot * (n + rng.uniform(0, 0.9)), next(victims), rng.random()) for n in range(kills)]
    for number in range(4, kills, 5):
        events.append(Event(_LEAD + slot * (number + rng.uniform(0, 0.9)), next(stops), rng.random()))
    for number, kind in enumerate(OUTAGES, start=1):
        events.append(Event(share * number - outage_seconds / 2, kind))
    return sorted(events)
