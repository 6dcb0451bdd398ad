"""Undoes imports as the command does."""

from typing import Any

from prelabel_worker.cli.shared.labelbox_access import pacer_of
from prelabel_worker.operations.undo import Service, Undo
from prelabel_worker.operations.undo_ledger import UndoLedger
from prelabel_worker.queries.imports import Imports, ImportStatus
from tests.support.rig import Rig


def undoing(rig: Rig, client: Any = None) -> Undo:
    """Return an `Undo` as the command makes it, with this connection to Redis."""
    client = client or rig.client
    labelbox = rig.context.account("").labelbox
    service = Service(labelbox, pacer_of(client, rig.settings, rig.settings.account))
    return Undo(Imports(client, rig.settings.key_prefix), UndoLedger(client, rig.settings), lambda _: service)


def undo(rig: Rig, *imports: ImportStatus) -> Undo:
    action = undoing(rig)
    action.run(rig.project.id, imports)
    return action
