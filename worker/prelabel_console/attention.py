"""What needs a person, from an overview. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from prelabel.printing import command, counted
from prelabel_console.audits import Verdict
from prelabel_worker.accounts.status import AccountStatus
from prelabel_worker.presence import WorkerStatus, missing_roles
from prelabel_worker.queries.overview import Overview, ProjectSummary

STALLED_SECONDS = 60.0
"""Seconds without progress after which a worker counts as stalled."""
_PROJECTS = 5
"""Maximum projects that are listed one by one for one cause."""


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that needs a person."""

    #: Whether rows cannot be imported because of it.
    stops_rows: bool
    #: What it is.
    what: str
    #: What a person can do.
    remedy: str
    #: The address of the page where that is done; '' if it is done elsewhere.
    link: str = ""
    #: When it ends by itself, as Unix time; None if it does not.
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """One stop of an account."""

    #: What stops it and why.
    why: str
    #: What a person can do.
    remedy: str
    #: When it ends by itself; None if somebody must end it.
    until: float | None = None


def attention_of(overview: Overview, verdict: Verdict | None) -> list[Attention]:
    """Return what needs a person, with what stops rows first."""
    things = [
        *_of_workers(overview.workers),
        *(thing for account in overview.accounts for thing in _of_account(account)),
        *_of_projects(list(overview.projects.values())),
        *_of_keys(overview),
        *_of_audit(verdict),
    ]
    return sorted(things, key=lambda thing: not thing.stops_rows)


def stops_of(account: AccountStatus) -> Iterator[Stopped]:
    """Yield what stops an account, and what to do about it."""
    remedies = {
        "throttled": "it ends by itself; if it comes back, lower PRELABEL_REQUESTS_PER_MINUTE",
        "refused": "start the workers with a key that Labelbox accepts, or resume the account after the cause is fixed",
    }
    for stop in account.stops:
        yield Stopped(f"{stop.kind}: {stop.why}", remedies.get(stop.kind, "resume the account"), stop.until)
    if account.breaker != "closed":
        yield Stopped("Labelbox does not answer", "workers continue by themselves when it answers")


def _of_workers(workers: Sequence[WorkerStatus]) -> Iterator[Attention]:
    if all(worker.is_silent for worker in workers):
        yield Attention(True, "No worker is alive", "rows are accepted and wait: start a worker", "/workers")
        return
    for role in missing_roles(workers):
        yield Attention(True, f"No worker has the role {role}", "start a worker with this role", "/workers")
    stalled = [worker.label for worker in workers if worker.stalled_seconds >= STALLED_SECONDS]
    if stalled:
        yield Attention(False, f"No progress: {', '.join(stalled[:_PROJECTS])}", "look at its log", "/workers")
    if len({worker.version for worker in workers}) > 1:
        yield Attention(False, "Workers of several releases are alive", "restart the older ones", "/workers")


def _of_account(account: AccountStatus) -> Iterator[Attention]:
    link = f"/accounts#{quote(account.name, '')}"
    for stop in stops_of(account):
        yield Attention(True, f"Account {account.name} is stopped: {stop.why}", stop.remedy, link, stop.until)
    if account.projects and not account.workers:
        remedy = "start the workers with a key for it (PRELABEL_ACCOUNT_KEYS)"
        yield Attention(True, f"No worker has a key for account {account.name}", remedy, link)


def _of_projects(projects: Sequence[ProjectSummary]) -> Iterator[Attention]:
    paused = [summary for summary in projects if summary.paused is not None]
    for summary in paused[:_PROJECTS]:
        what = f"Project {summary.project_id} is paused: {summary.paused}"
        link = f"/projects/{quote(summary.project_id, '')}"
        remedy = "resume it there" if summary.pause_cause in (None, "operator") else "see what to do"
        yield Attention(bool(summary.pending), what, remedy, link, summary.paused_until)
    if len(paused) > _PROJECTS:
        what = f"{counted(len(paused) - _PROJECTS, 'more project')} paused"
        yield Attention(False, what, "see the list", "/projects?state=paused")
    purging = [summary for summary in projects if summary.purging is not None]
    for summary in purging[:_PROJECTS]:
        what = f"Project {summary.project_id} is being purged by {summary.purging}"
        yield Attention(True, what, "wait, or give it up", f"/projects/{quote(summary.project_id, '')}")


def _of_keys(overview: Overview) -> Iterator[Attention]:
    if overview.quarantined:
        what = f"{counted(len(overview.quarantined), 'project')} in quarantine: keys in Redis cannot be used"
        yield Attention(False, what, "see which", "/projects")
    if overview.malformed:
        what = f"{counted(overview.malformed, 'name')} in the set of projects that no project can have"
        yield Attention(False, what, f"{command('project forget', malformed=True)} removes them")


def _of_audit(verdict: Verdict | None) -> Iterator[Attention]:
    for audited in verdict.unbalanced[:_PROJECTS] if verdict else ():
        what = f"The counts of {audited.project_id} do not balance: {audited.differences[0]}"
        yield Attention(
            False, what, f"report it, with what {command('audit')} says", f"/projects/{quote(audited.project_id, '')}"
        )
