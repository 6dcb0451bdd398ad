"""The classes behind `screen`, which loads them with the first output that needs them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from prelabel.printing import printable

NOT_A_TERMINAL = 10_000
"""Columns: more than any line has."""
_BETWEEN = 2  # spaces between two columns


class Screen(Console):
    """A console that takes no text for markup, and makes all strings printable, also in the cells of tables."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the printable text as Rich prints it."""
        return super().render_str(printable(text), **options)


class Listing(Table):
    """A table that breaks no word. On a screen that is too narrow for that, each line becomes a block of facts.

    An id that is folded or cut cannot be given to another command.
    """

    def __init__(self, columns: Sequence[str], numbers: Collection[str], spare: str | None) -> None:
        super().__init__(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            self.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
        if spare is not None:
            self.add_column(spare, overflow="fold")
        self._spare = spare is not None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table in the screen's width: as it is, without its spare column, or as blocks."""
        for count in (len(self.columns), len(self.columns) - self._spare):
            needs = [_need(column, console, options) for column in self.columns[:count]]
            free = options.max_width - _BETWEEN * (count - 1)
            if sum(need.minimum for need in needs) <= free:
                yield from self._fitted(_shared(needs, free)).__rich_console__(console, options)
                return
        yield from self._blocks(options.max_width)

    def _fitted(self, widths: Sequence[int]) -> Table:
        """Return a table of the first columns, in these widths."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column, width in zip(self.columns, widths, strict=False):
            table.add_column(column.header, justify=column.justify, overflow="fold", width=width)
        for cells in self._lines():
            table.add_row(*cells[: len(widths)])
        return table

    def _blocks(self, width: int) -> Iterator[Text]:
        """Yield for each line its first cell, and below it the others with their names, as many to a line as fit."""
        names = [str(column.header) for column in self.columns[1:]]
        for first, *others in self._lines():
            yield Text(_plain(first), "bold")
            line = ""
            for name, cell in zip(names, map(_plain, others), strict=True):
                fact = f"{name}: {cell}" if cell else ""
                if line and cell_len(f"  {line}  {fact}") > width:
                    yield Text(f"  {line}")
                    line = ""
                line = "  ".join(filter(None, (line, fact)))
            if line:
                yield Text(f"  {line}")

    def _lines(self) -> Iterator[tuple[RenderableType, ...]]:
        return zip(*(column.cells for column in self.columns), strict=True)


def _need(column: Column, console: Console, options: ConsoleOptions) -> Measurement:
    """Return the width that a column needs for its longest word or number with unit, and for its longest line."""
    wide = options.update(width=NOT_A_TERMINAL)
    header, *cells = (Measurement.get(console, wide, cell) for cell in (column.header, *column.cells))
    if column.justify == "right":
        cells = [Measurement(cell.maximum, cell.maximum) for cell in cells]
    return Measurement(*(max(each) for each in zip(header, *cells, strict=True)))


def _shared(needs: Sequence[Measurement], free: int) -> list[int]:
    """Return the widths of columns: at least what each needs, and the rest in equal parts to those that take it."""
    widths = [need.minimum for need in needs]
    rest = free - sum(widths)
    by_wish = sorted(range(len(needs)), key=lambda at: needs[at].span)
    for served, at in enumerate(by_wish):
        more = min(needs[at].span, rest // (len(needs) - served))
        widths[at], rest = widths[at] + more, rest - more
    return widths


def _plain(cell: RenderableType) -> str:
    """Return the printable text of a cell on one line."""
    return printable(str(cell).replace("\n", "  "))
