"""The groups of slices of a volume, each with its lines and masks.

Slices are drawn as frames of a video are, also between keyframes, which is assumed (docs/reference/sandbox.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import Address
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.film import Film, film_of

_GROUPS = ("axial", "sagittal", "coronal")


@dataclass(frozen=True, slots=True)
class Group:
    """The slices along one axis; `name` is its `groupKey`."""

    name: str
    film: Film


def volume_of(annotations: Sequence[Annotation], classes: Classes, asset: Asset, address: Address) -> list[Group]:
    """Return the groups that annotations name."""
    named = {name: [item for item in annotations if item.line.get("groupKey") == name] for name in _GROUPS}
    return [Group(name, film_of(items, classes, asset, address)) for name, items in named.items() if items]
