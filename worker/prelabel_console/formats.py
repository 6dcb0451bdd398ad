"""Numbers, times and foreign text as pages print them. No I/O."""

import time
from typing import Any

from markupsafe import Markup, escape

from prelabel.printing import printable
from prelabel.unix_time import UnixTime


def visible(value: Any) -> Any:
    """Return a text with an escape for each character that cannot be printed; line breaks and tabs stay.

    Pages apply it to each text that they show, so no text can turn the direction of the text around it.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isprintable():
        return value
    return "".join(letter if letter in "\n\t" else printable(letter) for letter in value)


def exact(text: str) -> Markup:
    """Return a text unchanged for an attribute or a field that is sent back; nobody reads it there."""
    return escape(text)


def number(value: float) -> str:
    """Return a whole number with commas."""
    return f"{value:,.0f}"


def count(value: int, word: str, plural: str = "") -> str:
    """Return a number with its noun: `1 row`, `2 rows`."""
    return f"{value:,} {word if value == 1 else plural or f'{word}s'}"


def short(value: float) -> str:
    """Return a number in at most five characters, such as `12.3k`, for a small place."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{value:,.0f}" if value == int(value) or value >= 10 else f"{value:.1f}"


def lasted(seconds: float) -> str:
    """Return a duration in one unit or two: `40 ms`, `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, smaller in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {below}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a Unix time is, or in how long it comes."""
    seconds = (time.time() if now is None else now) - moment
    if -1 < seconds < 1:
        return "now"
    return f"{lasted(seconds)} ago" if seconds > 0 else f"in {lasted(-seconds)}"


def iso(moment: float) -> str:
    """Return a Unix time in ISO 8601, in UTC."""
    return UnixTime(moment).iso()


def utc(moment: float) -> str:
    """Return a Unix time in UTC as people read it; the browser shows it in its own zone."""
    text = UnixTime(moment).iso()
    return text[:19].replace("T", " ") + " UTC" if text.endswith("Z") else text
