"""Which dead letters are meant. Pure."""

from dataclasses import dataclass
from typing import Any

from prelabel_worker.dead_letters.letter import DeadLetter


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters are meant: all that is given must hold. Times are in ms, both ends included."""

    ids: tuple[str, ...] = ()
    reason: str | None = None
    group: str | None = None
    model: str | None = None
    data_row: str | None = None
    message_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def accepts(self, dead_letter: DeadLetter) -> bool:
        """Whether this dead letter is meant; its id is not looked at."""
        died = round(dead_letter.last_at * 1000)
        return (
            self.reason in (None, dead_letter.reason)
            and self.group in (None, dead_letter.group)
            and self.model in (None, dead_letter.model)
            and self.message_id in (None, dead_letter.message_id)
            and (self.data_row is None or dead_letter.data_row in self.data_row_keys)
            and (self.since_ms is None or died >= self.since_ms)
            and (self.until_ms is None or died <= self.until_ms)
        )

    @property
    def data_row_keys(self) -> tuple[str, ...]:
        """How the data row may be stored: as it was listed, or by its id or global key alone."""
        return (self.data_row, f"k:{self.data_row}", f"i:{self.data_row}") if self.data_row else ()

    @property
    def range(self) -> tuple[str | int, str | int]:
        """The times as bounds of a sorted set, latest first."""
        return (
            "+inf" if self.until_ms is None else self.until_ms,
            "-inf" if self.since_ms is None else self.since_ms,
        )

    def as_details(self) -> dict[str, Any]:
        """For the record of actions: of many ids the first."""
        names = ("reason", "group", "model", "data_row", "message_id", "since_ms", "until_ms")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return given | ({"ids": list(self.ids[:20]), "idCount": len(self.ids)} if self.ids else {})
