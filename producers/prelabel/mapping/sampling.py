"""Which data rows are taken: every n-th of them, or a share that depends on their keys alone."""

import hashlib
from dataclasses import dataclass
from typing import Any

from prelabel.mapping.checks import at_least, between, check_keys


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of data rows; by default, all of them."""

    #: Take every n-th data row.
    every: int = 1
    #: Share of the data rows to take, from 0 to 1.
    share: float = 1.0
    #: Seed of the share.
    seed: int = 0

    def takes(self, number: int, key: str, route: int | None = None) -> bool:
        """Return whether the data row with this number, from 0, and this key is in the sample.

        The shares of two routes, or of a route and the whole mapping, do not depend on one another.
        """
        return number % self.every == 0 and (self.share == 1 or _lot(self.seed, key, route) < self.share)


def _lot(seed: int, key: str, route: int | None) -> float:
    """Return a number from 0 to 1 that looks random, but depends only on the seed, the route and the data row's key."""
    person = b"" if route is None else b"route %d" % route
    digest = hashlib.blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=8, salt=seed.to_bytes(16, "big"), person=person
    )
    return int.from_bytes(digest.digest(), "big") / 2**64


KNOWN = {"every": int, "share": float, "seed": int}


def read_sample(table: dict[str, Any], where: str) -> Sample:
    """Return the sample that the keys of a table mean. Raises BadMapping."""
    return Sample(
        at_least(table.get("every", 1), 1, f"{where}every"),
        between(table.get("share", 1.0), f"{where}share"),
        at_least(table.get("seed", 0), 0, f"{where}seed"),
    )


def read_sample_table(table: dict[str, Any]) -> Sample:
    """Return the sample of the table `[sample]`. Raises BadMapping."""
    check_keys(table, KNOWN, "sample.")
    return read_sample(table, "sample.")
