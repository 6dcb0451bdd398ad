"""The one mapping of everything that publishes: a record, or the output of a model → the messages to publish."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prelabel.errors import MalformedMessage, Reason, found_value
from prelabel.mapping.classes import Target, Unmapped, chosen
from prelabel.mapping.incoming import Incoming
from prelabel.mapping.sampling import Sample
from prelabel.mapping.template import KeyTemplate

OUTSIDE = "data rows outside the sample"


@dataclass(slots=True, eq=False)
class PredictionMapping:
    """A mapping, with the counts of what it left out. Threads can share it."""

    #: Targets by class name.
    classes: Mapping[str, Target] = field(default_factory=dict)
    #: Minimum confidence, for classes whose entry does not set one.
    confidence: float = 0.0
    #: What to do with classes that have no entry.
    unmapped: Unmapped = "keep"
    #: Template of global keys.
    global_key: KeyTemplate | None = None
    #: Which data rows are taken.
    sample: Sample = field(default_factory=Sample)
    #: The project of predictions that name none.
    project: str | None = None
    #: The model of predictions that name none: its name and perhaps its version.
    model: Mapping[str, str] | None = None
    #: How many predictions or data rows were left out, by reason.
    left_out: Counter[str] = field(default_factory=Counter, init=False)
    _rows: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def with_defaults(
        self, project_id: str | None = None, model: str | None = None, global_key: str | None = None
    ) -> "PredictionMapping":
        """Return this mapping with what the options of a command say, in place of what the file says.

        Raises BadMapping for a template that is not one.
        """
        return replace(
            self,
            project=project_id or self.project,
            model={"name": model} if model else self.model,
            global_key=KeyTemplate(global_key) if global_key else self.global_key,
        )

    def messages(self, incoming: Incoming) -> list[dict[str, Any]]:
        """Return the messages to publish for a record, in this order; none if the mapping leaves it out.

        Raises MessageError for a record that cannot be a message: which field, what was found, what was expected.
        """
        if not isinstance(incoming.body, Mapping):
            found = found_value(incoming.body)
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "", found, "an object with the fields of a message")
        message = dict(incoming.body)
        if message.get("projectId") is None and self.project is not None:
            message["projectId"] = self.project
        if message.get("dataRow") is None and self.global_key is not None:
            message["dataRow"] = {"globalKey": self.global_key.fill(incoming)}
        if message.get("model") is None and self.model is not None:
            message["model"] = dict(self.model)
        return [message]

    def choose(self, name: str, score: float | None, feature: str | None = None) -> Target | None:
        """Return the class's target, or None if it is left out. A prediction without a score passes every threshold.

        `feature` is for classes whose entry names no feature; by default, the class's own name is used. Raises
        ValueError for a class without an entry if `unmapped` is "refuse".
        """
        target = chosen(self.classes, self.unmapped, self.confidence, name, score, feature or name)
        if isinstance(target, str):
            self.leave_out(target)
            return None
        return target

    def takes(self, key: str) -> bool:
        """Return whether a data row is in the sample; call it once per data row, in the order of the data rows."""
        with self._lock:
            number, self._rows = self._rows, self._rows + 1
        taken = self.sample.takes(number, key)
        if not taken:
            self.leave_out(OUTSIDE)
        return taken

    def leave_out(self, why: str, count: int = 1) -> None:
        """Count predictions or data rows that are left out."""
        with self._lock:
            self.left_out[why] += count
