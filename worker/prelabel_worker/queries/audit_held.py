"""Audit the held rows: compare their indexes with their states. Only `read_indexes` does I/O."""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from prelabel.wire.client import Client
from prelabel.wire.keys import ProjectKeys
from prelabel_worker.chunks.held_state import HeldState

READS = 8
"""Number of answers to `read_indexes`, in the order of `Indexes`."""
Check = tuple[str, int, int]
"""The name of a check, the count, and the number that the walk found."""


class Indexes(NamedTuple):
    """The indexes of held rows, most of them as a size only, so that many dead letters cost little more."""

    #: How many dead letters are listed.
    dead_letters: int
    #: How many rows are listed as retrying and due later.
    retrying: int
    #: How many bodies are stored.
    bodies: int
    #: The ids of the held rows of each data row, separated by spaces.
    rows: list[bytes]
    #: The number of dead letters of each reason.
    reasons: list[bytes]
    #: The number of dead letters of each group.
    groups: list[bytes]
    #: How many retrying rows are listed as being tried.
    retrying_queued: int
    #: How many dead letters are listed as being tried.
    dead_letters_queued: int


def read_indexes(pipeline: Client, project_keys: ProjectKeys) -> None:
    """Read the indexes in the transaction that reads the states."""
    pipeline.zcard(project_keys.dead)
    pipeline.zcard(project_keys.retrying)
    pipeline.hlen(project_keys.held_body)
    pipeline.hvals(project_keys.held_rows)
    pipeline.hvals(project_keys.dead_reasons)
    pipeline.hvals(project_keys.dead_groups)
    pipeline.zcard(project_keys.retrying_queued)
    pipeline.zcard(project_keys.dead_queued)


class HeldStates:
    """The states of a project's held rows: dead letters, rows that wait for a retry, and rows that are being tried."""

    def __init__(self, states: Mapping[str, HeldState]) -> None:
        self._states = states
        self._queued = {name for name, state in states.items() if state.queued}
        self._retrying_queued = sum((states[name].since or 0) > 0 for name in self._queued)
        at_rest = [state for name, state in states.items() if name not in self._queued]
        self._retrying = [state.weight for state in at_rest if state.due]
        self._dead_letters = [state.weight for state in at_rest if not state.due]

    @property
    def retrying(self) -> int:
        """The number of rows that wait for a retry."""
        return sum(self._retrying)

    @property
    def dead(self) -> int:
        """The number of rows of dead letters."""
        return sum(self._dead_letters)

    def checks(self, indexes: Indexes, in_lanes: Set[str], in_chunks: Set[str]) -> Sequence[Check]:
        """Compare the states with the indexes, and with the entries of lanes and chunks that refer to held rows."""
        by_row = sum(state.row is not None for state in self._states.values())
        on_their_way = self._queued & (in_lanes | in_chunks)
        return [
            ("dead letters listed", indexes.dead_letters, len(self._dead_letters)),
            ("retrying rows listed", indexes.retrying, len(self._retrying)),
            ("retrying rows listed as being tried", indexes.retrying_queued, self._retrying_queued),
            (
                "dead letters listed as being tried",
                indexes.dead_letters_queued,
                len(self._queued) - self._retrying_queued,
            ),
            ("bodies of held rows", indexes.bodies, len(self._states)),
            ("held rows by data row", sum(len(names.split()) for names in indexes.rows), by_row),
            ("dead by reason", sum(map(int, indexes.reasons)), self.dead),
            ("dead by group", sum(map(int, indexes.groups)), self.dead),
            ("held rows on their way", len(self._queued), len(on_their_way)),
            # A chunk may still name a held row that has its outcome; a lane may not.
            ("held rows in lanes", len(in_lanes), len(in_lanes & self._queued)),
        ]
