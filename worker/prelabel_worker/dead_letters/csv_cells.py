"""Write CSV cells that no spreadsheet runs as a formula, and read them back.

A spreadsheet runs a cell as a formula if it begins with `=`, `+`, `-`, `@` or a variant of them, even after spaces and
quotes. Some locales split cells at semicolons, commas, tabs, vertical bars or line breaks, even within quotes. So an
apostrophe is inserted at the beginning of a cell, and after each of these separators within it, wherever a formula, a
tab, a line break or an apostrophe follows. To read a cell back, one apostrophe is removed at each of these places.
"""

import re

SEPARATORS = ";,|\t\r\n"
FORMULA = "=+-@＝＋－＠﹦﹢﹣﹫−"  # noqa: RUF001 - spreadsheets of some locales take them for = + - @
_PLACE = rf"(?<![^{SEPARATORS}])"
_UNSEEN = r"(?:[^\S\t\r\n]|[\"'\x00-\x08\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2060\ufeff])*"
_RISK = re.compile(rf"{_PLACE}(?={_UNSEEN}[{re.escape(FORMULA)}]|['\t\r\n])")
_APOSTROPHE = re.compile(rf"{_PLACE}'")


def neutralise(text: str) -> str:
    """Return the text as a cell that no spreadsheet runs as a formula; `read_back` is the inverse."""
    return _RISK.sub("'", text)


def read_back(cell: str) -> str:
    """Return the text of a cell of `prelabel dead export --format csv`."""
    return _APOSTROPHE.sub("", cell)
