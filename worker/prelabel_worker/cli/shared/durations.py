"""Durations as people type them, such as `90s` or `2h`: a number alone could be seconds or minutes."""

import re

import typer

_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_in(text: str) -> float | None:
    """Return the seconds of a duration; None for any other text."""
    typed = _TYPED.fullmatch(text.strip())
    return float(typed[1]) * _SECONDS[typed[2]] if typed else None


def duration(text: str) -> float:
    """Read a duration in seconds. Raises BadParameter."""
    seconds = seconds_in(text)
    if seconds is None:
        raise typer.BadParameter(f"expected a number and its unit, such as 90s, 30m, 2h or 1d, found {text!r}")
    return seconds
