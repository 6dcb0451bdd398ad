"""Durations as people type them, such as `90s` or `2h`: a number alone could be seconds or minutes."""

import typer

from prelabel_worker.dead_letters.moments import seconds_in


def duration(text: str) -> float:
    """Read a duration in seconds. Raises BadParameter."""
    seconds = seconds_in(text)
    if seconds is None:
        raise typer.BadParameter(f"expected a number and its unit, such as 90s, 30m, 2h or 1d, found {text!r}")
    return seconds
