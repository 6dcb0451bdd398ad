"""Check the workers: how many are alive, of which versions and roles. Pure: no I/O."""

import re
from collections.abc import Iterator, Sequence

from prelabel.printing import counted
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.runtime.roles import STAGES

_SHOWN = 20


def findings(workers: Sequence[WorkerStatus], own_version: str) -> Iterator[Finding]:
    """Check whether a worker is alive, an upgrade is finished, each role has a worker, and settings agree."""
    names = ", ".join(f"{worker.label} {worker.version}" for worker in workers[:_SHOWN])
    more = ", …" if len(workers) > _SHOWN else ""
    yield judged(Check.WORKERS, bool(workers), f"{counted(len(workers), 'worker')} alive {names}{more}".rstrip())
    if workers:
        yield _versions({worker.version for worker in workers}, own_version)
        yield _roles({worker.role for worker in workers})
        yield _limits(workers)
        yield _settings(workers)


def _roles(taken: set[str]) -> Finding:
    missing = [] if "all" in taken else [role for role in STAGES if role not in taken]
    words = f"no worker has the role {', '.join(missing)}" if missing else "every role has a worker"
    return judged(Check.ROLES, not missing, words)


def _limits(workers: Sequence[WorkerStatus]) -> Finding:
    """Check whether the workers that say so have the same limit of requests; the last to speak sets an account's."""
    by_limit: dict[tuple[int, int], list[str]] = {}
    for worker in workers:
        if worker.requests_per_minute:
            limit = (worker.requests_per_minute, worker.request_burst)
            by_limit.setdefault(limit, []).append(worker.label)
    words = [
        f"{limit:,} a minute, {burst:,} at once: {', '.join(names[:_SHOWN])}"
        for (limit, burst), names in sorted(by_limit.items())
    ]
    same = len(words) < 2
    return judged(
        Check.WORKER_LIMITS, same, "all workers have one limit of requests" if same else f"limits: {'; '.join(words)}"
    )


def _settings(workers: Sequence[WorkerStatus]) -> Finding:
    """Check whether the workers that say so have the same values of the settings that must agree."""
    by_value: dict[str, dict[str, list[str]]] = {}
    for worker in workers:
        days = {} if worker.history_days is None else {"history_days": f"{worker.history_days:g}"}
        for name, value in (days | dict(worker.settings)).items():  # an older release says the days alone
            by_value.setdefault(name, {}).setdefault(value, []).append(worker.label)
    words = [
        f"PRELABEL_{name.upper()}: "
        + "; ".join(f"{value} of {', '.join(names[:_SHOWN])}" for value, names in sorted(values.items()))
        for name, values in sorted(by_value.items())
        if len(values) > 1
    ]
    return judged(Check.WORKER_SETTINGS, not words, "; ".join(words) or "all workers have the same settings")


def _versions(versions: set[str], own: str) -> Finding:
    listed = ", ".join(sorted(versions, key=_parts))
    if len(versions) > 1:
        return Finding(Check.WORKER_VERSIONS, Level.BAD, f"workers of versions {listed}")
    if _parts(listed) < _parts(own):
        return Finding(Check.WORKER_VERSIONS, Level.BAD, f"workers of version {listed}, this command is {own}")
    return Finding(Check.WORKER_VERSIONS, Level.OK, f"workers of version {listed}")


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, so that 1.10.0 is newer than 1.9.3."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
