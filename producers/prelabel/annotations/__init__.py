"""Annotation kinds: one definition per kind, for producers, workers and docs."""

from prelabel.annotations.base import Annotation
from prelabel.annotations.classifications import Checklist, Classification, FreeText, Option, Radio
from prelabel.annotations.mask import Mask
from prelabel.annotations.objects import BoundingBox, Point, Polygon, Polyline
from prelabel.annotations.relationship import Relationship

__all__ = [
    "Annotation",
    "BoundingBox",
    "Checklist",
    "Classification",
    "FreeText",
    "Mask",
    "Option",
    "Point",
    "Polygon",
    "Polyline",
    "Radio",
    "Relationship",
]
