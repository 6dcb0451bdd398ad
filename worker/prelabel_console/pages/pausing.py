"""What the forms that pause a project or an account have in common."""

from prelabel_console.access.roles import Visitor
from prelabel_console.endpoints import Form, Rejected

DURATIONS = {"": "until somebody resumes it", "1800": "30 minutes", "7200": "2 hours", "86400": "a day"}
"""Seconds → how a form says so."""


def seconds_of(form: Form) -> float | None:
    """Return for how long to pause; None for until somebody resumes. Raises Rejected."""
    if form["for"] not in DURATIONS:
        raise Rejected(f"Expected one of these durations: {', '.join(DURATIONS.values())}.")
    return float(form["for"]) if form["for"] else None


def reason_of(visitor: Visitor, why: str) -> str:
    """Return the reason as it is shown wherever the pause is."""
    return f"by {visitor.name}" + (f": {why}" if why else "")
