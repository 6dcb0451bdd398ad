"""Why the pending rows of a project wait, and what a person can do about it.

`waits` is the one list of these reasons; `status`, `wait` and `publish` show what it returns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from prelabel.json_record import JsonRecord
from prelabel.printing import command, counted
from prelabel.unix_time import UnixTime
from prelabel.wire.client import Client
from prelabel_worker.accounts.status import Accounts, AccountStatus
from prelabel_worker.presence import WorkerStatus, living
from prelabel_worker.queries.status import ProjectStatus
from prelabel_worker.settings import Settings

_SHOWN_WHYS = 3
_ORDINARY = ("permit", "account ")
"""How the reasons of chunks begin that are no trouble, or that the account's status shows better."""


@dataclass(frozen=True, slots=True)
class Wait(JsonRecord):
    """One reason for which pending rows of a project wait."""

    #: The project's id.
    project_id: str
    #: A word for programs: a `PauseCause`, `purge`, `account`, `stuck`, `newer`, `request` or `no-worker`.
    cause: str
    #: The reason, as a person reads it.
    why: str
    #: What a person can do.
    remedy: str

    def __str__(self) -> str:
        """Return the reason and the remedy as one line."""
        return f"{self.project_id} waits: {self.why}; {self.remedy}"


def waits(status: ProjectStatus, account: AccountStatus, workers: Sequence[WorkerStatus]) -> list[Wait]:
    """Return why the pending rows of a project wait, most important first; empty if nothing but time is needed."""
    if not status.pending:
        return []
    reasons = (*_of_project(status), *_of_account(account), *_of_chunks(status), *_of_workers(workers))
    return [Wait(status.project_id, cause, why, remedy) for cause, why, remedy in reasons]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What projects share: the accounts and the workers of one Redis, read once for several projects."""

    accounts: dict[str, AccountStatus]
    workers: Sequence[WorkerStatus]

    @classmethod
    def read(cls, client: Client, settings: Settings) -> Self:
        """Read the accounts and the living workers."""
        accounts = {account.name: account for account in Accounts(client, settings).all()}
        return cls(accounts, living(client, settings.key_prefix))

    def waits(self, projects: Sequence[ProjectStatus]) -> list[Wait]:
        """Return why the pending rows of these projects wait."""
        accounts = {project: account for account in self.accounts.values() for project in account.projects}
        return [
            wait
            for status in projects
            for wait in waits(status, accounts.get(status.project_id, AccountStatus("")), self.workers)
        ]


def read_waits(client: Client, settings: Settings, projects: Sequence[ProjectStatus]) -> list[Wait]:
    """Return why the pending rows of these projects wait; reads nothing where no row is pending."""
    pending = [status for status in projects if status.pending]
    return Surroundings.read(client, settings).waits(pending) if pending else []


_Reason = tuple[str, str, str]


def _of_project(status: ProjectStatus) -> Iterator[_Reason]:
    project = status.project_id
    purge, resume = command("project purge", project), command("project resume", project)
    if status.purging is not None:
        begun = status.purging_since.iso() if status.purging_since else "at an unknown time"
        why = f"a purge by {status.purging}, begun {begun}, has not ended: nothing is uploaded"
        yield "purge", why, f"{purge} resumes it, {resume} gives it up"
    cause = status.pause_cause or "operator"
    reason = status.paused or _pause_between_two_tries(status)
    if reason is None:
        return
    if cause == "operator":
        yield cause, f"paused {_until(status.paused_until)}: {reason}", f"{resume} ends the pause"
        return
    remedy = _REMEDIES.get(cause, "see {doctor}").format(
        purge=purge,
        doctor=command("doctor", project=project),
        imports=command("import list", project=project),
        account=command("project set", project, account="NAME"),
    )
    yield cause, reason, remedy


_REMEDIES = {
    "unknown-project": (
        "if the id is wrong, publish to the right one, and {purge} discards these rows; if it is right, give the key's "
        "user access to the project, and the rows are imported within a minute"
    ),
    "forbidden": (
        "give the key's user a role in the project, and the rows are imported within a minute; or {account} uses "
        "another key; or {purge} discards the rows"
    ),
    "no-key": (
        "start the workers with a key for the account (PRELABEL_ACCOUNT_KEYS), or {account} uses another one; "
        "or {purge} discards the rows"
    ),
    "refused-files": "see {imports} and the dead letters for Labelbox's words; workers try again within ten minutes",
}


def _pause_between_two_tries(status: ProjectStatus) -> str | None:
    """Return the reason of a pause that has just ended, while chunks still wait for it: workers try again now."""
    if status.pause_cause in (None, "operator"):
        return None
    return next((why for why in status.chunks_wait if not why.startswith(_ORDINARY)), None)


def _of_account(account: AccountStatus) -> Iterator[_Reason]:
    resume = command("account resume", account.name)
    for stop in account.stops:
        ends = _until(stop.until)
        remedy = f"{resume} ends the stop"
        if stop.kind == "throttled":
            remedy = "it ends by itself"
        elif stop.kind == "refused":
            remedy = f"start the workers with a key that Labelbox accepts, or after the cause is fixed, {resume}"
        yield "account", f"account {account.name} is {stop.kind} {ends}: {stop.why}", remedy
    if account.breaker != "closed":
        yield "account", f"Labelbox does not answer account {account.name}", "workers continue when it answers"


def _of_chunks(status: ProjectStatus) -> Iterator[_Reason]:
    doctor = command("doctor", project=status.project_id)
    if status.stuck:
        retry = command("import retry", project=status.project_id)
        yield "stuck", f"{counted(status.stuck, 'chunk')} stopped by a defect", f"see {doctor}; {retry} tries again"
    if status.newer:
        yield "newer", f"{counted(status.newer, 'row')} for a worker of a newer release", "finish the upgrade"
    if status.purging is not None or status.paused or _pause_between_two_tries(status):
        return
    for why in sorted(status.chunks_wait)[:_SHOWN_WHYS]:
        if not why.startswith(_ORDINARY):
            yield "request", f"{counted(status.chunks_wait[why], 'chunk')}: {why}", "workers try again by themselves"


def _of_workers(workers: Sequence[WorkerStatus]) -> Iterator[_Reason]:
    if not workers:
        yield "no-worker", "no worker is alive", f"start one with the same PRELABEL_REDIS_URL: {command('worker')}"


def _until(until: UnixTime | None) -> str:
    return "until somebody resumes it" if until is None else f"until {until.iso()}"
