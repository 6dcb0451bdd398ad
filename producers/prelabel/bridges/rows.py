"""From the records of a source to rows: most become one each, those of one frame become one together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from prelabel.bridges.feed import Delivery
from prelabel.mapping import Incoming


@dataclass(frozen=True, slots=True)
class Row:
    """The records that become the messages of one data row, and what they say together."""

    #: At least one.
    deliveries: tuple[Delivery, ...]
    #: What the mapping gets; None if the records cannot be read.
    incoming: Incoming | None
    #: Why they cannot be read.
    problem: str = ""

    @property
    def first(self) -> Delivery:
        """The record that the row is named after."""
        return self.deliveries[0]


class Rows(Protocol):
    """Makes rows of records."""

    #: Whether records of several deliveries may become one row: they must all come to this process, in their order.
    gathers: bool

    def add(self, deliveries: Iterable[Delivery]) -> list[Row]:
        """Take records; return the rows that are complete."""
        ...

    def rest(self, *, all_of_it: bool) -> list[Row]:
        """Return the rows for which nothing more is expected, or all that have begun."""
        ...


class SingleRows:
    """Makes one row of each record."""

    gathers = False

    def __init__(self, convert: Callable[[Incoming], Incoming] = lambda incoming: incoming) -> None:
        """`convert` changes the form of a record; it raises ValueError for one of another form."""
        self._convert = convert

    def add(self, deliveries: Iterable[Delivery]) -> list[Row]:
        """Return a row for each record."""
        return [self._row(delivery) for delivery in deliveries]

    def rest(self, *, all_of_it: bool) -> list[Row]:
        """Return nothing: every record became a row at once."""
        return []

    def _row(self, delivery: Delivery) -> Row:
        if delivery.incoming is None:
            return Row((delivery,), None, delivery.problem)
        try:
            return Row((delivery,), self._convert(delivery.incoming))
        except ValueError as error:
            return Row((delivery,), None, str(error))


def with_record(incoming: Incoming, **facts: object) -> Incoming:
    """Return a record with these facts beside those of its source; None is left out."""
    known = {name: value for name, value in facts.items() if value is not None}
    return replace(incoming, record={**incoming.record, **known})
