"""What the stages work with. A stage reads, decides with modules that do no I/O, and commits."""

from collections.abc import Callable
from dataclasses import dataclass

from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.chunks.leases import Leases
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.chunks.row_reader import RowReader
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.settings import Settings

Hint = Callable[[str, str, str], None]
"""Asks any idle worker to run a stage for a project and a chunk (or '')."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of Labelbox with one of its keys."""

    name: str
    #: Its request budget; a refusal of the key stops this key alone.
    permits: Permits
    #: The connection that the key opens.
    labelbox: Labelbox
    #: Looks whether the account has another key by now.
    has_new_key: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a stage works with; one for each process."""

    #: The settings that this worker was started with.
    settings: Settings
    #: Moves chunks from state to state.
    ledger: Ledger
    #: Reads the rows of a chunk and the lines of its import.
    reader: RowReader
    #: What projects remember apart from their chunks.
    memory: ProjectMemory
    #: Retries and expires rows outside chunks.
    held: HeldRows
    #: The ontologies of the projects.
    catalog: Catalog
    #: Returns the account of a name; '' is the account of the settings. Raises KeyMissing.
    account: Callable[[str], Account]
    #: Pauses projects.
    pauses: Pauses
    #: Keeps the leases of held chunks from running out.
    leases: Leases
    #: The projects whose keys cannot be used.
    quarantine: Quarantine
    #: Sends a stage to an idle worker.
    hint: Hint

    def hint_group(self, project_id: str, waiting: int | None) -> None:
        """Ask a worker to group the project's rows, if any wait in the inbox."""
        if waiting:
            self.hint("group", project_id, "")
