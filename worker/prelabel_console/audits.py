"""The audit's verdict on the projects that are cheap to audit, for the overview."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prelabel.errors import PrelabelError
from prelabel.wire.client import Client
from prelabel_worker.queries.audit import ProjectAudit, audit_project
from prelabel_worker.queries.overview import Overview

MAX_ROWS = 20_000
"""Pending rows and dead letters of a project that is audited: a larger one keeps Redis from others for too long."""
_MAX_ROWS_TOGETHER = 500_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit of the cheap projects said."""

    #: How many projects balance.
    balance: int
    #: The projects whose counts differ from a walk over their keys.
    unbalanced: Sequence[ProjectAudit]
    #: How many projects were left out, since they are large or change too fast.
    left_out: int


class Audits:
    """Audits the projects of an overview, smallest first."""

    def __init__(self, client: Client, key_prefix: str, overview: Callable[[], Overview]) -> None:
        self._client = client
        self._prefix = key_prefix
        self._overview = overview

    def read(self) -> Verdict:
        """Audit the projects that are cheap."""
        sizes = {name: summary.pending + summary.dead for name, summary in self._overview().projects.items()}
        budget, balance, left_out = _MAX_ROWS_TOGETHER, 0, 0
        unbalanced = []
        for project_id, rows in sorted(sizes.items(), key=lambda pair: (pair[1], pair[0])):
            budget -= rows
            if rows > MAX_ROWS or budget < 0:
                left_out += 1
                continue
            try:
                audited = audit_project(self._client, self._prefix, project_id)
            except PrelabelError:
                left_out += 1
                continue
            if audited.balances:
                balance += 1
            else:
                unbalanced.append(audited)
        return Verdict(balance, unbalanced, left_out)
