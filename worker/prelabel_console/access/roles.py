"""The roles of people, who holds a token, and who sends a request."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Means = Literal["cookie", "bearer", "proxy"]
"""How a request says whose it is."""


class Role(IntEnum):
    """What somebody may do; a higher role includes the lower ones."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """The role as settings spell it."""
        return self.name.lower()

    @classmethod
    def named(cls, label: str) -> "Role":
        """Return the role of this label. Raises KeyError."""
        return cls[label.upper()]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token belongs to."""

    #: The name that actions are recorded with.
    name: str
    #: What the holder may do.
    role: Role


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request."""

    #: The name of the token or, behind a proxy that authenticates, of the user.
    name: str
    #: What the visitor may do.
    role: Role
    #: How the request says so.
    means: Means

    def may(self, role: Role) -> bool:
        """Return whether the visitor may do what this role may."""
        return self.role >= role
