"""The four stages of a row's way: each reads, decides with the pure modules, and commits once."""

from collections.abc import Callable
from dataclasses import dataclass

from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.chunks.leases import Leases
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.settings import Settings

Hint = Callable[[str, str, str], None]
"""Sends a stage, a project and a chunk (or '') to whichever worker is free."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose requests are counted, and the connection that its key opens."""

    name: str
    permits: Permits
    labelbox: Labelbox


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a stage works with; one set a process. `account` raises KeyMissing; '' is the account of the settings."""

    settings: Settings
    ledger: Ledger
    held: HeldRows
    catalog: Catalog
    account: Callable[[str], Account]
    leases: Leases
    quarantine: Quarantine
    hint: Hint
