"""Undoes imports as the command does."""

from typing import Any

from prelabel_worker.cli.shared.labelbox_access import pacer_of
from prelabel_worker.operations.undo import Service, Undo
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.settings import Settings
from tests.support.rig import Rig


def undoing(rig: Rig, client: Any = None, settings: Settings | None = None) -> Undo:
    """Return an `Undo` as the command makes it, with this connection to Redis and these settings."""
    client = client or rig.client
    labelbox = rig.context.account("").labelbox
    service = Service(labelbox, pacer_of(client, rig.settings, rig.settings.account))
    return Undo(
        Imports(client, rig.settings.key_prefix), UndoLedger(client, settings or rig.settings), lambda _: service
    )


def undo(rig: Rig, *imports: ImportStatus, settings: Settings | None = None) -> Undo:
    action = undoing(rig, settings=settings)
    action.run(rig.project.id, imports)
    return action
