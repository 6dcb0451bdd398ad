"""What comes to each door, as a pure function of the seed: most of it right, some of it wrong in a known way."""

import random
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from prelabel.errors import Reason
from prelabel.validation.gate import MAX_MESSAGE_BYTES
from tests.chaos.workload import Kind, Message

FLAWED = 0.06
"""The share of records that are wrong."""
MAPPING = """project = "{project}"
model = "m0"
global_key = "{{body.image}}"
unmapped = "refuse"

[classes]
boat = "vessel"
"""
"""Of the bridges."""
_AGAIN = 0.25
_LOOK_BACK = 15  # records, on average
_TOO_MANY_BYTES = 16 * 1024 * 1024
_PARTITIONS = 4


class Flaw(StrEnum):
    """What is wrong with a record."""

    BROKEN = "broken JSON"
    NOT_TEXT = "not UTF-8"
    NO_KEY = "no global key"
    UNKNOWN_CLASS = "an unknown class"
    NO_SIDE = "a box without a side"
    OVERSIZE = "too large"


AT_BRIDGES = {
    Flaw.BROKEN: Reason.UNREADABLE_RECORD,
    Flaw.NOT_TEXT: Reason.UNREADABLE_RECORD,
    Flaw.NO_KEY: Reason.MALFORMED_MESSAGE,
    Flaw.UNKNOWN_CLASS: Reason.INVALID_ANNOTATION,
    Flaw.NO_SIDE: Reason.INVALID_ANNOTATION,
    Flaw.OVERSIZE: Reason.UNREADABLE_RECORD,
}
"""Why a bridge refuses a record. Its mapping refuses classes that it does not know."""
AT_GATEWAYS = {
    Flaw.BROKEN: Reason.MALFORMED_JSON,
    Flaw.NOT_TEXT: Reason.MALFORMED_JSON,
    Flaw.NO_KEY: Reason.MALFORMED_MESSAGE,
    Flaw.NO_SIDE: Reason.INVALID_ANNOTATION,
    Flaw.OVERSIZE: Reason.MESSAGE_TOO_LARGE,
}
"""Why a gateway without a mapping refuses a row. An unknown class becomes a dead letter: only the ontology knows it."""
_WEIGHTS = {Flaw.OVERSIZE: 0.2}
"""Of flaws; the others have 1: a record that is too large costs as much as ten thousand."""


class Record(NamedTuple):
    """One record of a door. `message` is what it is about; its number is its version."""

    message: Message
    flaw: Flaw | None


class Records:
    """The records of one writer of a door, from number 0 on.

    A later record may be about the data row of an earlier one, and supersedes it then: if `repeats`, since not every
    door keeps the order.
    """

    def __init__(self, seed: int, writer: str, project: str, flaws: tuple[Flaw, ...], *, repeats: bool) -> None:
        self._seed = seed
        self._writer = writer
        self._project = project
        self._flaws = flaws
        self._repeats = repeats

    def record(self, number: int) -> Record:
        """Return one record."""
        rng = random.Random(f"{self._seed}:{self._writer}:{number}")
        base = number
        if self._repeats and rng.random() < _AGAIN:
            base = max(0, number - 1 - int(rng.expovariate(1 / _LOOK_BACK)))
        flaw = None
        if rng.random() < FLAWED:
            (flaw,) = rng.choices(self._flaws, [_WEIGHTS.get(each, 1.0) for each in self._flaws])
        name = f"{self._writer}-{number}"
        return Record(Message(name, self._project, f"{self._writer}-{base}", 0, number, Kind.GOOD), flaw)

    def partition(self, number: int) -> int:
        """Return the partition of a record, the same for all records of a data row."""
        return int(self.record(number).message.key.rpartition("-")[2]) % _PARTITIONS


def bridged(record: Record) -> bytes:
    """Return the record as a model writes it; the mapping of the bridges makes a message of it."""
    whole = record.message.as_json()
    annotations = [{**each, "name": "boat"} for each in whole["annotations"]]
    document = {"image": whole["dataRow"]["globalKey"], "annotations": annotations}
    padding = b" " * (_TOO_MANY_BYTES if record.flaw is Flaw.OVERSIZE else 0)
    return _spoilt(document, "image", record.flaw) + padding


def posted(record: Record) -> bytes:
    """Return the record as a message on one line."""
    padding = b" " * (MAX_MESSAGE_BYTES if record.flaw is Flaw.OVERSIZE else 0)
    return _spoilt(record.message.as_json(), "dataRow", record.flaw) + padding


def _spoilt(document: dict[str, Any], key: str, flaw: Flaw | None) -> bytes:
    match flaw:
        case Flaw.NO_KEY:
            del document[key]
        case Flaw.UNKNOWN_CLASS:
            document["annotations"][0]["name"] = "phantom"
        case Flaw.NO_SIDE:
            del document["annotations"][-1]["bbox"]["width"]
    line = orjson.dumps(document)
    if flaw is Flaw.BROKEN:
        return line[:-1]
    return line + b"\xff" if flaw is Flaw.NOT_TEXT else line
