"""The result of a check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a file breaks."""

    file: str
    rule: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.rule}: found {self.found}; expected {self.expected}"
