"""The one declarative mapping: predictions in another form → the messages to publish (docs/reference/mapping.md)."""

from prelabel.mapping.checks import BadMapping
from prelabel.mapping.classes import Target
from prelabel.mapping.file import read_mapping
from prelabel.mapping.incoming import Incoming
from prelabel.mapping.mapping import PredictionMapping
from prelabel.mapping.sampling import Sample
from prelabel.mapping.template import KeyTemplate

__all__ = ["BadMapping", "Incoming", "KeyTemplate", "PredictionMapping", "Sample", "Target", "read_mapping"]
