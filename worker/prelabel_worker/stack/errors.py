"""What can go wrong with the embedded stack."""

from prelabel.errors import PrelabelError


class StackError(PrelabelError):
    """A part of the stack cannot be started."""


class StackRunning(StackError):
    """A stack runs here already."""
