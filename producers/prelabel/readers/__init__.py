"""Other people's prediction files → messages. A source is one module with a function that yields records."""

from prelabel.readers.base import BadRecord, Record, Source

__all__ = ["BadRecord", "Record", "Source"]
