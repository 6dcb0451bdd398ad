"""The console and its tables. They take no text for markup, whoever wrote it."""

from collections.abc import Collection, Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prelabel.printing import printable

_NOT_A_TERMINAL = 10_000  # columns, more than any line has


class Screen(Console):
    """A console that takes no text for markup, and makes all strings printable, also in the cells of tables."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the printable text as Rich prints it."""
        return super().render_str(printable(text), **options)


def console(*, stderr: bool = False) -> Screen:
    """Return a screen; if it is not a terminal, it neither folds nor wraps lines, so that `grep` finds whole ones."""
    screen = Screen(stderr=stderr, markup=False, emoji=False)
    return screen if screen.is_terminal else Screen(width=_NOT_A_TERMINAL, stderr=stderr, markup=False, emoji=False)


def new_table(*columns: str, numbers: Collection[str] = ()) -> Table:
    """Return an empty table with these columns; those in `numbers` are aligned to the right.

    A cell that is too wide is folded, never cut: an id that is cut cannot be given to another command.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def joined(parts: Iterable[str], between: str) -> Text:
    """Return a cell of several parts, with our own text between them, which may be a line break."""
    return Text(between).join(styled(part) for part in parts)


def styled(text: str, style: str = "") -> Text:
    """Return one line, or a cell of a table, in a style."""
    return Text(printable(text), style)
