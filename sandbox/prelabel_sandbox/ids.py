"""Ids in Labelbox's format: 25 lower-case characters, of which the first is c."""

import hashlib
import secrets
from uuid import UUID, uuid5

_LINES = UUID("6f1d1c52-6c1e-5d0e-8a53-9a3b1b4f3c10")


def new_id() -> str:
    """Return a new random id."""
    return "c" + secrets.token_hex(12)


def derived_id(*path: str) -> str:
    """Return an id derived from a path: the same path always gives the same id."""
    return "c" + hashlib.blake2b("/".join(path).encode(), digest_size=12).hexdigest()


def line_uuid(import_id: str, number: int) -> UUID:
    """Return the uuid of a line that came without one; it is the same when the import is processed again."""
    return uuid5(_LINES, f"{import_id}/{number}")
