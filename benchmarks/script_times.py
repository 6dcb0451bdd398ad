"""The time of each call of a Redis script, from the server's slow log."""

import hashlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import redis

from prelabel_worker.scripts import names, source

MAX_CALLS = 200_000


@dataclass(frozen=True)
class ScriptTimes:
    """The calls of one script."""

    script: str
    calls: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def watch(client: "redis.Redis") -> None:
    """Let the server record each call from now on, which costs it about a microsecond a call."""
    client.config_set("slowlog-max-len", MAX_CALLS)
    client.config_set("slowlog-log-slower-than", 0)
    client.slowlog_reset()


def script_times(client: "redis.Redis") -> list[ScriptTimes]:
    """Stop recording, and return the times of each script since `watch`."""
    client.config_set("slowlog-log-slower-than", -1)
    scripts = {digest(source(name)): name for name in names()}
    scripts[digest(files("prelabel.publishing").joinpath("publish.lua").read_text("utf-8"))] = "publish"
    calls: dict[str, list[float]] = {}
    for entry in client.slowlog_get(MAX_CALLS):
        command, _, rest = entry["command"].partition(b" ")
        if command.upper() == b"EVALSHA":
            name = scripts.get(rest[:40].decode().lower(), "another script")
            calls.setdefault(name, []).append(entry["duration"] / 1000)
    return [
        ScriptTimes(name, len(times), percentile(times, 0.5), percentile(times, 0.99), max(times))
        for name, times in sorted(calls.items())
    ]


def merged(rounds: Sequence[Sequence[ScriptTimes]]) -> list[ScriptTimes]:
    """Return the medians of each script's percentiles, and its longest call in any round."""
    by_script: dict[str, list[ScriptTimes]] = {}
    for times in (times for times_of_round in rounds for times in times_of_round):
        by_script.setdefault(times.script, []).append(times)
    return [
        ScriptTimes(
            name,
            sum(times.calls for times in of_script),
            statistics.median(times.p50_ms for times in of_script),
            statistics.median(times.p99_ms for times in of_script),
            max(times.max_ms for times in of_script),
        )
        for name, of_script in by_script.items()
    ]


def digest(text: str) -> str:
    """Return the name that Redis gives a script."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
