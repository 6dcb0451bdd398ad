"""Which imported rows a project remembers, and in which sets (see scripts/lib/imported_lib.lua). No I/O.

A project with the policy `skip` or `dead-letter` remembers every row. Any other project only counts the rows that are
imported over an earlier import. It remembers all of its first 16,384 rows, so that small counts are exact, and one row
in 32 after that: each of these that comes back counts as 32. To remember every row would cost Redis more than all the
rest that it does with a row, and more the larger the project is. The sample is chosen by the row's digest, so a row
that is in it is in it each time.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

EXACT_ROWS = 16_384
"""Number of imported rows up to which a project without a policy remembers every row."""
ONE_IN = 32
"""A larger project remembers one row in so many."""
POLICY_SETS = 16_384
SAMPLE_SETS = 64
REMEMBERED_TOGETHER = 500
"""Number of rows that one commit remembers, which takes Redis less than a millisecond."""


class Memory(NamedTuple):
    """Sets of digests of imported rows."""

    #: How their keys begin: `imported` for a policy, else `sample`.
    name: str
    #: One row in so many is remembered.
    one_in: int = 1

    def chosen(self, row_keys: bytes) -> list[int]:
        """Return the digests of those rows that are remembered, from row keys of 16 bytes; see identity.row_digest."""
        if self.one_in == 1:
            return digests_of(row_keys)
        return [digest for (digest,) in struct.iter_unpack(">q8x", row_keys) if not digest % self.one_in]

    def by_set(self, digests: Iterable[int]) -> str:
        """Return digests grouped by set: a line with the number of the set, then its digests."""
        groups: dict[int, list[str]] = {}
        if self == POLICY_MEMORY:
            for text in map(str, digests):
                groups.setdefault(int(text[-8:]) % POLICY_SETS, []).append(text)
        else:
            for digest in digests:
                groups.setdefault(digest // ONE_IN % SAMPLE_SETS, []).append(str(digest))
        return "\n".join([f"{number} {' '.join(group)}" for number, group in groups.items()])


POLICY_MEMORY = Memory("imported")


def memory_of(policy: str, imported: int) -> Memory:
    """Return the memory of a project with this policy, empty for none, and so many imported rows."""
    if policy:
        return POLICY_MEMORY
    return Memory("sample", 1 if imported < EXACT_ROWS else ONE_IN)


def digests_of(row_keys: bytes) -> list[int]:
    """Return the digest of each row, from row keys of 16 bytes; see identity.row_digest."""
    return [digest for (digest,) in struct.iter_unpack(">q8x", row_keys)]
