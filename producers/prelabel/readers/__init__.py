"""Read prediction files of other tools as messages. Each format has a module here and a line in `registry`."""

from prelabel.readers.base import BadRecord, ReaderOptions, Record, Source, UnreadableSource
from prelabel.readers.mapping import BadMapping, ClassMapping, read_mapping
from prelabel.readers.registry import FORMATS
from prelabel.text_input import UnreadableInput

__all__ = [
    "FORMATS",
    "BadMapping",
    "BadRecord",
    "ClassMapping",
    "ReaderOptions",
    "Record",
    "Source",
    "UnreadableInput",
    "UnreadableSource",
    "read_mapping",
]
