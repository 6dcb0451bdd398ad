"""The console and its tables. They take no text for markup, whoever wrote it.

Rich is loaded by what prints with it: `--json`, and commands that say one line, start without it.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from prelabel.printing import printable

if TYPE_CHECKING:
    from rich.text import Text

    from prelabel_worker.cli.shared.listing import Listing, Screen


def console(*, stderr: bool = False) -> "Screen":
    """Return a screen; if it is not a terminal, it neither folds nor wraps lines, so that `grep` finds whole ones.

    Standard error is the screen of progress, through which other lines pass: the terminal itself wraps these, since a
    command with a line end in it cannot be pasted.
    """
    from prelabel_worker.cli.shared.listing import NOT_A_TERMINAL, Screen

    screen = Screen(stderr=stderr, soft_wrap=stderr, markup=False, emoji=False)
    return screen if screen.is_terminal else Screen(width=NOT_A_TERMINAL, stderr=stderr, markup=False, emoji=False)


def new_table(*columns: str, numbers: Collection[str] = (), spare: str | None = None) -> "Listing":
    """Return an empty table with these columns; those in `numbers` are aligned to the right.

    `spare` is one more column, which a screen that is too narrow for it does not show.
    """
    from prelabel_worker.cli.shared.listing import Listing

    return Listing(columns, numbers, spare)


def joined(parts: Iterable[str], between: str) -> "Text":
    """Return a cell of several parts, with our own text between them, which may be a line break."""
    from rich.text import Text

    return Text(between).join(styled(part) for part in parts)


def styled(text: str, style: str = "") -> "Text":
    """Return one line, or a cell of a table, in a style."""
    from rich.text import Text

    return Text(printable(text), style)
