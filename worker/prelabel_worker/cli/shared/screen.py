"""Tables, styles and what moves on a terminal, to which no text of others is markup."""

from typing import Any

from rich.console import Console
from rich.text import Text

from prelabel.printing import printable


class Screen(Console):
    """A console to which no text is markup; strings, those in the cells of tables too, are made printable."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as Rich prints it."""
        return super().render_str(printable(text), **options)


def console(*, stderr: bool = False) -> Screen:
    """Return a screen that does not cut lines when the output is not a terminal."""
    wide = Screen(stderr=stderr, markup=False, emoji=False)
    return wide if wide.is_terminal else Screen(width=200, stderr=stderr, markup=False, emoji=False)


def styled(text: str, style: str = "") -> Text:
    """Return one line, or a cell of a table, in a style."""
    return Text(printable(text), style)
