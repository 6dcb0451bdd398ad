"""Records which batches a producer has begun and which Redis has confirmed, so that a SIGKILL loses no line."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Went:
    """Batches that were begun, from 0 on. Those that are not in `confirmed` may be in Redis wholly, partly or not."""

    begun: int
    confirmed: frozenset[int]


class Journal:
    """The journal of one producer, for all processes that it has had."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def open(self) -> int:
        """Record a new process, and return the first batch that was never begun. Call this once, first."""
        first = self.read().begun
        self._handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._write("life", first)
        return first

    def begin(self, batch: int) -> None:
        """Record that the batch's messages are going to be published."""
        self._write("begin", batch)

    def confirm(self, batch: int) -> None:
        """Record that Redis has all messages of this process up to and including this batch."""
        self._write("confirm", batch)

    def read(self) -> Went:
        """Return what all processes have written so far."""
        first, begun, confirmed = 0, 0, set[int]()
        for line in self._file.read_text().splitlines() if self._file.exists() else ():
            word, number = line.split()
            if word == "life":
                first = int(number)
            elif word == "begin":
                begun = int(number) + 1
            else:
                confirmed.update(range(first, int(number) + 1))
        return Went(begun, frozenset(confirmed))

    def _write(self, word: str, number: int) -> None:
        os.write(self._handle, f"{word} {number}\n".encode())
