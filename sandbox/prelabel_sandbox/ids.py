"""Ids in the shape of Labelbox's: 25 characters, lower case, beginning with c."""

import hashlib
import secrets


def new_id() -> str:
    """An id nobody has."""
    return "c" + secrets.token_hex(12)


def derived_id(*path: str) -> str:
    """The same id for the same path, always."""
    return "c" + hashlib.blake2b("/".join(path).encode(), digest_size=12).hexdigest()
