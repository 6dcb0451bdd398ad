"""Read prediction files of other tools as messages. Each format has a module here and a line in `registry`."""

from prelabel.mapping import BadMapping, PredictionMapping, read_mapping
from prelabel.readers.base import BadRecord, ReaderOptions, Record, Source, UnreadableSource
from prelabel.readers.registry import FORMATS
from prelabel.text_input import UnreadableInput

__all__ = [
    "FORMATS",
    "BadMapping",
    "BadRecord",
    "PredictionMapping",
    "ReaderOptions",
    "Record",
    "Source",
    "UnreadableInput",
    "UnreadableSource",
    "read_mapping",
]
