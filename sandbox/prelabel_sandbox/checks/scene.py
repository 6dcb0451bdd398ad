"""What a line is judged against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.checks.ontology import Ontology


class Neighbour(NamedTuple):
    """Another annotation of the same data row in the same import, for relationships to point at."""

    schema_id: str  # of its feature; "" if it names no existing one
    is_object: bool


Neighbours = Mapping[bytes, Neighbour]
"""By canonical uuid."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One per project, plus one per data row whose asset or neighbours are known.

    `strict` refuses what docs/reference/labelbox-format.md#7 leaves open; otherwise that is accepted.
    """

    media: str
    ontology: Ontology
    strict: bool = False
    asset: Asset = UNKNOWN
    neighbours: Neighbours = field(default_factory=dict)
