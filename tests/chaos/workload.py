"""What producers publish, as a pure function of the seed: so that a comparison needs to know only which batches went.

A batch has each data row and model at most once, so its number is the version of all its messages: the greater, the
newer. A data row belongs to one producer, since order is promised of one publisher's messages.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

BATCH = 200
ANNOTATIONS = 2
"""Of every message: were it to vary, what an older and longer one leaves behind would stand beside the newer."""
PROJECTS = ("chaos-a", "chaos-b", "chaos-listed", "chaos-once")
LISTED = "chaos-listed"
"""Its data rows are listed in Labelbox; the others take any."""
ONCE = "chaos-once"
"""Here no data row is published twice: an import that ends after its deadline can override nothing newer."""
POISON = "poison"
"""Part of the key of data rows that break whole imports while a fault says so."""
_MODELS = ("m0", "m1")
_AGAIN = 0.3
_LOOK_BACK = 20  # batches, on average
_UNKNOWN_FEATURE = 0.002


class Kind(StrEnum):
    """The outcome that a message must have."""

    GOOD = "good"
    UNKNOWN_FEATURE = "unknown-feature"
    NO_DATA_ROW = "no-data-row"


class Message(NamedTuple):
    """The identity of a message, from which its content follows."""

    id: str
    project: str
    key: str
    model: int
    version: int
    kind: Kind

    def as_json(self) -> dict[str, Any]:
        """Return the message to publish. Its coordinates encode its identity, since a pre-label names no model."""
        name = "phantom" if self.kind is Kind.UNKNOWN_FEATURE else "vessel"
        return {
            "messageId": self.id,
            "projectId": self.project,
            "dataRow": {"globalKey": self.key},
            "model": {"name": _MODELS[self.model]},
            "annotations": [
                {"name": name, "bbox": {"top": ordinal, "left": self.version, "height": self.model + 1, "width": 1}}
                for ordinal in range(ANNOTATIONS)
            ],
        }


class PreLabel(NamedTuple):
    """An annotation in Labelbox, read back from its line."""

    key: str
    model: int
    ordinal: int
    version: int


def read_pre_label(line: dict[str, Any]) -> PreLabel:
    """The inverse of `Message.as_json`."""
    box = line["bbox"]
    return PreLabel(line["dataRow"]["globalKey"], box["height"] - 1, box["top"], box["left"])


@dataclass(frozen=True)
class Workload:
    """All messages of a run, by producer and batch."""

    seed: int
    rows: int
    producers: int

    @property
    def batches(self) -> int:
        """Return the number of batches of a producer."""
        return -(-self.rows // (self.producers * BATCH))

    def batch(self, producer: int, number: int) -> list[Message]:
        """Return the messages of one batch, in order."""
        rng = random.Random(f"{self.seed}:{producer}:{number}")
        found: dict[tuple[str, int], Message] = {}
        for position in range(BATCH):
            batch, at = number, position
            if rng.random() < _AGAIN:
                batch, at = max(0, number - 1 - int(rng.expovariate(1 / _LOOK_BACK))), rng.randrange(BATCH)
            project, key = self.data_row(producer, batch, at)
            if project == ONCE and batch != number:
                project, key = self.data_row(producer, number, position)
            model = 0 if project == ONCE else rng.randrange(len(_MODELS))
            kind = Kind.GOOD
            if key.startswith("absent"):
                kind = Kind.NO_DATA_ROW
            elif rng.random() < _UNKNOWN_FEATURE:
                kind = Kind.UNKNOWN_FEATURE
            name = f"{producer}-{number}-{position}"
            found.setdefault((key, model), Message(name, project, key, model, number, kind))
        return list(found.values())

    def data_row(self, producer: int, batch: int, position: int) -> tuple[str, str]:
        """Return the project and the global key of the data row with this number."""
        project = PROJECTS[(batch + position) % len(PROJECTS)]
        word = "row"
        if project == LISTED and position == 7:
            word = "absent"
        elif project == PROJECTS[0] and position == 11 and batch % 12 == 1:
            word = POISON
        return project, f"{word}-{producer}-{batch}-{position}"

    def listed(self) -> list[str]:
        """Return the global keys for the project that has a list of data rows."""
        found = []
        for producer in range(self.producers):
            for batch in range(self.batches):
                for position in range(BATCH):
                    project, key = self.data_row(producer, batch, position)
                    if project == LISTED and not key.startswith("absent"):
                        found.append(key)
        return found
