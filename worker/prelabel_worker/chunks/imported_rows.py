"""Which imported rows a project remembers, and in which sets (see scripts/lib/imported_lib.lua). No I/O.

A project with the policy `skip` or `dead-letter` remembers every row. Any other project only counts the rows that are
imported over an earlier import. It remembers all of its first 16,384 rows, so that small counts are exact, and after
that a sample that becomes thinner as it grows: one row in 32, from 524,288 rows on one in 128, and so on. A row of the
sample that comes back counts as so many. To remember every row would cost Redis more than all the rest that it does
with a row, and more the larger the project is. The sample is chosen by the row's digest, so a row that is in a thinner
sample is in a denser one too.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

EXACT_ROWS = 16_384
"""Number of imported rows up to which a project without a policy remembers every row."""
ONE_IN = 32
"""A larger project remembers one row in so many, and in four times as many each time that it has grown fourfold."""
POLICY_SETS = 16_384
SAMPLE_SETS = 64
FIRST_SET = SAMPLE_SETS
"""The set of a project's first rows. Spread over all sets, a chunk of few rows would be a command for each of them."""
FIRST_ROWS = 512
"""Number of rows of the first set: as many integers as Redis packs."""
REMEMBERED_TOGETHER = 500
"""Number of rows that one commit remembers, which takes Redis less than a millisecond."""
COMMITTED_TOGETHER = 2500
"""Maximum number of rows of one commit, for the same reason: Redis serves nobody else while it frees their frames."""


class Memory(NamedTuple):
    """Sets of digests of imported rows."""

    #: How their keys begin: `imported` for a policy, else `sample`.
    name: str
    #: One row in so many is remembered.
    one_in: int = 1
    #: Whether rows go to the set of a project's first rows.
    first: bool = False

    @property
    def committed_together(self) -> int:
        """Maximum number of rows of one commit."""
        return min(REMEMBERED_TOGETHER * self.one_in, COMMITTED_TOGETHER)

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
                # By its high bits: the low ones are zero in a sample.
                number = FIRST_SET if self.first else (digest >> 32) % SAMPLE_SETS
                groups.setdefault(number, []).append(str(digest))
        return "\n".join([f"{number} {' '.join(group)}" for number, group in groups.items()])


POLICY_MEMORY = Memory("imported")


def memory_of(policy: str, imported: int, rows: int) -> Memory:
    """Return the memory for these rows of a project with this policy, empty for none, and so many imported rows."""
    if policy:
        return POLICY_MEMORY
    if imported < EXACT_ROWS:
        return Memory("sample", first=imported + rows <= FIRST_ROWS)
    one_in = ONE_IN
    while imported >= EXACT_ROWS * one_in:
        one_in *= 4
    return Memory("sample", one_in)


def digests_of(row_keys: bytes) -> list[int]:
    """Return the digest of each row, from row keys of 16 bytes; see identity.row_digest."""
    return [digest for (digest,) in struct.iter_unpack(">q8x", row_keys)]
