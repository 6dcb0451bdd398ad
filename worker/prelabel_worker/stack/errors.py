"""What can go wrong with the embedded stack."""

from prelabel.errors import PrelabelError


class StackError(PrelabelError):
    """A part of the stack cannot be started."""


class PartEnded(StackError):
    """A part has ended several times in a row; `lines` are the last lines of its log."""

    def __init__(self, text: str, lines: list[str]) -> None:
        super().__init__(text)
        self.lines = lines


class StackRunning(StackError):
    """A stack runs here already."""
