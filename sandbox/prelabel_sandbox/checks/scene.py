"""What a line is judged against, besides itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.checks.ontology import Ontology


class Neighbour(NamedTuple):
    """Another annotation of the same data row in the same import, as a relationship sees it."""

    schema_id: str  # of its feature; "" when it names none that there is
    is_object: bool


Neighbours = Mapping[bytes, Neighbour]
"""By canonical uuid."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One for a project; for a data row one of its own only where there is something to know of it.

    `strict` refuses what docs/reference/labelbox-format.md#7 leaves open; without it that is taken.
    """

    media: str
    ontology: Ontology
    strict: bool = False
    asset: Asset = UNKNOWN
    neighbours: Neighbours = field(default_factory=dict)
