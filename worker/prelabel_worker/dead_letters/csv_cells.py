"""Cells of a CSV that no spreadsheet runs as a formula, and how to read them back.

A spreadsheet takes a cell for a formula that begins with one of `= + - @` or a variant of it, behind spaces and
quotes too. Which cells it sees depends on the locale: it may split at semicolons, commas, tabs, bars and line breaks
whatever the quotes say. So an apostrophe stands at the begin of the cell, and behind any of these separators in it,
wherever a formula, a tab, a line break or an apostrophe follows. To read a cell back, drop one apostrophe in each of
these places.
"""

import re

SEPARATORS = ";,|\t\r\n"
FORMULA = "=+-@＝＋－＠﹦﹢﹣﹫−"  # noqa: RUF001 - spreadsheets of some locales take them for = + - @
_PLACE = rf"(?<![^{SEPARATORS}])"
_UNSEEN = r"(?:[^\S\t\r\n]|[\"'\x00-\x08\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2060\ufeff])*"
_RISK = re.compile(rf"{_PLACE}(?={_UNSEEN}[{re.escape(FORMULA)}]|['\t\r\n])")
_APOSTROPHE = re.compile(rf"{_PLACE}'")


def neutralise(text: str) -> str:
    """Return a cell that no spreadsheet runs; `read_back` returns the text."""
    return _RISK.sub("'", text)


def read_back(cell: str) -> str:
    """Return the text of a cell of `prelabel dead export --format csv`."""
    return _APOSTROPHE.sub("", cell)
