"""Numbers, times and sizes as pages print them."""

from datetime import UTC, datetime


def count(number: int, word: str, plural: str = "") -> str:
    """Return a number with its noun: `1 pre-label`, `2 pre-labels`."""
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


def when(seconds: float) -> str:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def lasted(seconds: float) -> str:
    """Return a duration."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def clock(milliseconds: float) -> str:
    """Return a position in a recording, such as `1:02.5`."""
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}:{seconds}"


def size(width: float, height: float) -> str:
    """Return the size of an asset in pixels."""
    return f"{width:g} × {height:g} px"


def number(value: float) -> str:
    """Return a coordinate with at most seven significant digits."""
    return f"{value:.7g}"


def ordinal(place: int) -> str:
    """Return a place in an order: `1st`, `2nd`, `11th`."""
    suffix = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{suffix}"
