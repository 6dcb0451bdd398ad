"""The context in which a line is judged: ontology, asset, and the data row's other annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.checks.ontology import Ontology


class Neighbour(NamedTuple):
    """Another annotation of the same data row in the same import, to which relationships may refer."""

    schema_id: str  # of its feature; "" if the ontology does not have the feature
    is_object: bool


Neighbours = Mapping[bytes, Neighbour]
"""Annotations by canonical uuid."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The context of a line. An import has one, and one more for each data row whose asset or neighbours are known.

    If `strict`, forms whose acceptance docs/reference/labelbox-format.md#7 leaves open are refused, else accepted.
    """

    media: str
    ontology: Ontology
    strict: bool = False
    asset: Asset = UNKNOWN
    neighbours: Neighbours = field(default_factory=dict)
