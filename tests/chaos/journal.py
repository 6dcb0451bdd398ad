"""What a producer has begun and what Redis has confirmed, written before and after: a SIGKILL loses no line of it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Went:
    """`begun`: batches that were begun, from 0 on; those not in `confirmed` may be in Redis, or partly, or not."""

    begun: int
    confirmed: frozenset[int]


class Journal:
    """The lines of one producer through all its lives."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def open(self) -> int:
        """A new life begins; the first batch that was never begun. Call it once, before the others."""
        first = self.read().begun
        self._handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._write("life", first)
        return first

    def begin(self, batch: int) -> None:
        """Its messages are going to be published."""
        self._write("begin", batch)

    def confirm(self, batch: int) -> None:
        """Redis has all messages of this life up to and with this batch."""
        self._write("confirm", batch)

    def read(self) -> Went:
        """What was written so far, by whomever."""
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
