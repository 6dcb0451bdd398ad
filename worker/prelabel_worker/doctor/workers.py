"""Check the workers: how many are alive, of which versions and roles. Pure: no I/O."""

import re
from collections.abc import Iterator, Sequence

from prelabel.printing import counted
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.queries.workers import WorkerStatus
from prelabel_worker.runtime.roles import STAGES

_SHOWN = 20


def findings(workers: Sequence[WorkerStatus], own_version: str) -> Iterator[Finding]:
    """Check whether a worker is alive, whether an upgrade is finished, and whether each role has a worker."""
    names = ", ".join(f"{worker.label} {worker.version}" for worker in workers[:_SHOWN])
    more = ", …" if len(workers) > _SHOWN else ""
    yield judged(Check.WORKERS, bool(workers), f"{counted(len(workers), 'worker')} alive {names}{more}".rstrip())
    if workers:
        yield _versions({worker.version for worker in workers}, own_version)
        yield _roles({worker.role for worker in workers})


def _roles(taken: set[str]) -> Finding:
    missing = [] if "all" in taken else [role for role in STAGES if role not in taken]
    words = f"no worker has the role {', '.join(missing)}" if missing else "every role has a worker"
    return judged(Check.ROLES, not missing, words)


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
