"""The one mapping of everything that publishes: a record, or the output of a model → the messages to publish."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from prelabel.errors import MalformedMessage, Reason, found_value
from prelabel.mapping.annotations import mapped
from prelabel.mapping.answers import annotations_of
from prelabel.mapping.checks import BadMapping
from prelabel.mapping.classes import BELOW, DROPPED, Target, Unmapped, target_of
from prelabel.mapping.incoming import Incoming
from prelabel.mapping.outputs import Output
from prelabel.mapping.routes import Route, lowest_confidence
from prelabel.mapping.sampling import Sample
from prelabel.mapping.template import KeyTemplate
from prelabel.messages import PredictionMessage

OUTSIDE = "data rows outside the sample"
EMPTY = "data rows without predictions"
UNROUTED = "data rows that no route takes"
ROUTED_AWAY = "data rows that a route leaves out"
_KEY, _KEYS = KeyTemplate("{record.key}"), KeyTemplate("{record.keys.*}")
_FIELDS = {field.alias or name for name, field in PredictionMessage.model_fields.items()}


@dataclass(slots=True, eq=False)
class PredictionMapping:
    """A mapping, with the counts of what it left out. Threads can share it.

    Without arguments, it changes nothing. `read_mapping` makes one from a file.
    """

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
    #: The project of data rows that name none and that no route takes.
    project: str | None = None
    #: The model of predictions that name none: its name and perhaps its version.
    model: Mapping[str, str] | None = None
    #: Whether a data row is published of which no prediction is left.
    publish_empty: bool = True
    #: Which projects data rows go to that name none; the first route whose conditions hold takes the data row.
    routes: tuple[Route, ...] = ()
    #: How the output of a model is written; without it, only messages are read.
    output: Output | None = None
    #: How many predictions or data rows were left out, by reason.
    left_out: Counter[str] = field(default_factory=Counter, init=False)
    _rows: int = field(default=0, init=False)
    _route_rows: Counter[int] = field(default_factory=Counter, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        of_output, template = self.output.batch if self.output else (), self.global_key
        if template is not None and template.of_batch and not of_output:
            expected = 'a path with * in [output], such as box = "det_boxes.*": it makes a key for each row of a batch'
            raise BadMapping(f"global_key: found {template.text!r}; expected {expected}")
        if template is not None and of_output and not template.of_batch:
            expected = f"a field with *, such as {{body.keys.*}}: {of_output[0].text} in [output] is about a batch"
            raise BadMapping(f"global_key: found {template.text!r}; expected {expected}, whose rows need a key each")

    def with_defaults(
        self, project_id: str | None = None, model: str | None = None, global_key: str | None = None
    ) -> "PredictionMapping":
        """Return this mapping with what the options of a command say, in place of what the file says.

        Routes stay: `project_id` is for data rows that no route takes. Raises BadMapping for a template that is not
        one.
        """
        return replace(
            self,
            project=project_id or self.project,
            model={"name": model} if model else self.model,
            global_key=KeyTemplate(global_key) if global_key else self.global_key,
        )

    def apply(self, prediction: Mapping[str, Any], **record: Any) -> list[dict[str, Any]]:
        """Return the messages to publish for a prediction; none if the mapping leaves it out.

        `prediction` is a message, whose annotations are named by classes, or the output of a model if the mapping has
        `[output]`. Each keyword is a field `{record.…}` for the template of global keys; a mapping without one takes
        the global key from `key=…`, and those of a batch from `keys=[…]`. Raises MessageError, as `messages` does.
        """
        own = _KEYS if self.output is not None and self.output.batch else _KEY
        return self._messages(Incoming(prediction, record=record), self.global_key or (own if record else None))

    def messages(self, incoming: Incoming) -> list[dict[str, Any]]:
        """Return the messages to publish for a record, in this order; none if the mapping leaves it out.

        Raises MessageError for a record that cannot be a message: which field, what was found, what was expected.
        """
        return self._messages(incoming, self.global_key)

    def _messages(self, incoming: Incoming, template: KeyTemplate | None) -> list[dict[str, Any]]:
        body = incoming.body
        is_object = isinstance(body, Mapping)
        if is_object and (self.output is None or "annotations" in body):
            message = dict(body)
            for fact in template.body_keys - _FIELDS if template is not None else ():
                message.pop(fact, None)
            if "annotations" in message and self._renames():
                message["annotations"] = mapped(message["annotations"], self)
        elif self.output is not None:
            if template is None:
                expected = "`global_key` in the mapping, or --global-key: the output of a model names no data row"
                raise MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow", "nothing", expected)
            return self._of_output(incoming, self.output, template)
        else:
            found = found_value(body)
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "", found, "an object with the fields of a message")
        if message.get("dataRow") is None and template is not None:
            message["dataRow"] = {"globalKey": template.fill(incoming)}
        key = key_of(message)
        return self.routed(message) if not key or self.takes(key) else []

    def _of_output(self, incoming: Incoming, output: Output, template: KeyTemplate) -> list[dict[str, Any]]:
        """Return the messages for the output of a model: for one data row, or for each row of a batch."""
        root = output.opened(incoming.body)
        if output.batch:
            keys = template.fill_rows(incoming, *output.count_rows(root))
            found = [annotations_of(root, output.of_row(row), self) for row in range(len(keys))]
        else:
            keys, found = [template.fill(incoming)], [annotations_of(root, output, self)]
        return [
            message
            for key, annotations in zip(keys, found, strict=True)
            if self.takes(key)
            for message in self.routed({"annotations": annotations, "dataRow": {"globalKey": key}})
        ]

    def forked(self) -> None:
        """Call in a forked child, where a lock that another thread held stays locked."""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # For processes that are spawned; they count for themselves.
        return type(self), tuple(getattr(self, option.name) for option in fields(self) if option.init)

    def _renames(self) -> bool:
        return bool(self.classes) or self.confidence > 0 or self.unmapped != "keep"

    def routed(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a message with its project and model, one for each project that gets it; none if it is left out.

        A message that names a project itself goes there.
        """
        if message.get("model") is None and self.model is not None:
            message["model"] = dict(self.model)
        if not self.publish_empty and message.get("annotations") == []:
            self.leave_out(EMPTY)
            return []
        if message.get("projectId") is not None:
            return [message]
        route = self._route(message) if self.routes else None
        projects = route.projects if route else (self.project,) if self.project else ()
        if not projects and (route or self.routes):
            self.leave_out(ROUTED_AWAY if route else UNROUTED)
            return []
        return [{"projectId": project, **_without_project(message)} for project in projects] or [message]

    def _route(self, message: dict[str, Any]) -> Route | None:
        """Return the first route that takes a message, or None."""
        annotations, key = message.get("annotations"), key_of(message)
        if not key:  # it is refused wherever it goes: no lot decides whether that is reported
            return next((route for route in self.routes if route.projects), None)
        lowest = lowest_confidence(annotations)
        for at, route in enumerate(self.routes):
            if route.suits(annotations, lowest):
                with self._lock:
                    number = self._route_rows[at]
                    self._route_rows[at] += 1
                if route.sample.takes(number, key, at):
                    return route
        return None

    def choose(self, name: str, score: float | None, feature: str | None = None) -> Target | None:
        """Return the class's target, or None if it is left out. A prediction without a score passes every threshold.

        `feature` is for classes whose entry names no feature; by default, the class's own name is used. Raises
        ValueError for a class without an entry if `unmapped` is "refuse".
        """
        target = target_of(self.classes, self.unmapped, name)
        if target.drop:
            self.leave_out(DROPPED)
        elif score is not None and score < self.minimum(target):
            self.leave_out(BELOW)
        else:
            if target.feature:
                return target
            return Target(feature or name, target.classification, target.option, target.confidence)
        return None

    def minimum(self, target: Target) -> float:
        """Return the minimum confidence of predictions with this target."""
        return self.confidence if target.confidence is None else target.confidence

    def takes(self, key: str) -> bool:
        """Return whether a data row is in the sample; call it once per data row, in the order of the data rows."""
        if self.sample.every > 1:
            with self._lock:
                number, self._rows = self._rows, self._rows + 1
        else:
            number = 0
        taken = self.sample.takes(number, key)
        if not taken:
            self.leave_out(OUTSIDE)
        return taken

    def leave_out(self, why: str, count: int = 1) -> None:
        """Count predictions or data rows that are left out."""
        with self._lock:
            self.left_out[why] += count


def _without_project(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != "projectId"}


def key_of(message: dict[str, Any]) -> str:
    """Return a data row's key; the check of the message reports one that is wrong."""
    row = message.get("dataRow")
    key = (row.get("globalKey") or row.get("id")) if isinstance(row, Mapping) else None
    return key if isinstance(key, str) else ""
