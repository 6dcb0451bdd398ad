"""Messages that were checked and rendered: one, or many in columns. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from prelabel.errors import MessageError
from prelabel_worker.rendering.identity import split_uuids

NONE: Mapping[bytes, int] = MappingProxyType({})


class BuiltRow(msgspec.Struct, gc=False):
    """A row that can be imported, or that has nothing to import."""

    #: `i:<id>` or `k:<global key>`.
    data_row_key: str
    #: The name of the model; empty if the message names none.
    model: str
    #: The message's id, which the publisher assigned.
    message_id: str | None
    #: The row key, see `identity.packed_row_key`.
    row_key: bytes
    #: NDJSON: one line for each annotation, each ending in a newline.
    lines: bytes
    #: The number of lines.
    line_count: int
    #: 16 bytes for each line, in order: its uuid, or `identity.unsent_line` for a line that is sent without one.
    packed_uuids: bytes
    #: The number of annotations that Labelbox imports slowly.
    slow: int
    #: Annotations by feature (`tree.feature_bytes`); empty unless all annotations are sent with their derived uuids.
    counts: Mapping[bytes, int]
    #: The uuids that the producer gave, and the annotation that each belongs to.
    explicit: Mapping[bytes, int] = NONE
    #: Whether any line is sent without a uuid: the row adds to its earlier annotations, and cannot override them.
    adds: bool = False

    @property
    def uuids(self) -> list[bytes]:
        """The uuids of `packed_uuids`, one by one."""
        return split_uuids(self.packed_uuids)


@dataclass(slots=True)
class BuiltRows:
    """The outcome of several messages. The entries at one position of all lists but `refused` belong to one row.

    In columns, since an object for each row would cost as much as reading its message. See `BuiltRow` for the columns.
    """

    #: Place of the row's message among those that were built.
    place: list[int] = field(default_factory=list)
    data_row_key: list[str] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    message_id: list[str | None] = field(default_factory=list)
    row_key: list[bytes] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    line_count: list[int] = field(default_factory=list)
    packed_uuids: list[bytes] = field(default_factory=list)
    slow: list[int] = field(default_factory=list)
    counts: list[Mapping[bytes, int]] = field(default_factory=list)
    adds: list[bool] = field(default_factory=list)
    #: `BuiltRow.explicit` by position, of the rows that have any.
    explicit: dict[int, Mapping[bytes, int]] = field(default_factory=dict)
    #: The places of messages that are wrong, and why.
    refused: list[tuple[int, MessageError]] = field(default_factory=list)

    def append(self, row: BuiltRow) -> None:
        """Add a row, whose place the caller adds."""
        if row.explicit:
            self.explicit[len(self.lines)] = row.explicit
        self.data_row_key.append(row.data_row_key)
        self.model.append(row.model)
        self.message_id.append(row.message_id)
        self.row_key.append(row.row_key)
        self.lines.append(row.lines)
        self.line_count.append(row.line_count)
        self.packed_uuids.append(row.packed_uuids)
        self.slow.append(row.slow)
        self.counts.append(row.counts)
        self.adds.append(row.adds)

    def row(self, position: int) -> BuiltRow:
        """Return the row at this position."""
        return BuiltRow(
            data_row_key=self.data_row_key[position],
            model=self.model[position],
            message_id=self.message_id[position],
            row_key=self.row_key[position],
            lines=self.lines[position],
            line_count=self.line_count[position],
            packed_uuids=self.packed_uuids[position],
            slow=self.slow[position],
            counts=self.counts[position],
            explicit=self.explicit.get(position, NONE),
            adds=self.adds[position],
        )
