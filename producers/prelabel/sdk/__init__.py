"""Convert labels of Labelbox's Python SDK 7 into messages, for `Publisher.publish(label, project_id=…)`.

This needs the SDK with its annotation types (`pip install 'prelabel[labelbox]'`), which is imported with this package,
not earlier. The result is that of the SDK's own converter, apart from the differences that
docs/reference/labelbox-format.md#6 advises; docs/how-to/build-annotations.md lists them.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

try:
    from labelbox import types as lb
except ImportError as error:
    raise ImportError("labels need the SDK, which needs Python below 3.14: pip install 'prelabel[labelbox]'") from error

from prelabel.builders.values import refused
from prelabel.errors import MalformedMessage, Reason
from prelabel.messages import Model
from prelabel.sdk.answers import answered, geometric, prompt
from prelabel.sdk.frames import frame_answers
from prelabel.sdk.links import Ends
from prelabel.sdk.objects import UNGROUPED, envelope, evaluation, video_masks
from prelabel.sdk.temporal import temporal
from prelabel.sdk.tracks import instance_of, track
from prelabel.sdk.wrong_parts import STOPPED, named

Located = tuple[str, Any]
"""The path of an annotation in a label, such as `annotations[3]`, and the annotation."""


def message_of(label: Any, *more: Any, project_id: str, model: Model | str | None = None) -> dict[str, Any]:
    """Return a label as a message in the form of JSON, for `publish`.

    A message must hold all predictions of a model for a data row, so give all labels of a data row in one call:
    `message_of(first, second, project_id=…)`. Annotations keep the order of the label; a tracked object or an answer
    with frames takes the place of its first frame. Raises MessageError for a label that cannot be converted; the
    message itself is checked on publishing.
    """
    labels = (label, *more)
    predictor = _named_model(model) if isinstance(model, str) else model
    try:
        row = _data_row(labels)
        ends = Ends(labels, (project_id, *next(iter(row.items())), predictor.name if predictor else ""))
        annotations = [
            annotation
            for at, one_label in enumerate(labels)
            for annotation in _of_label(one_label, f"labels[{at}]." if more else "", ends)
        ]
    except STOPPED as error:
        parts = [(f"labels[{at}]" if more else "", one_label) for at, one_label in enumerate(labels)]
        raise named(error, parts) from error
    message = {"projectId": project_id, "dataRow": row, "annotations": annotations}
    return message if predictor is None else message | {"model": predictor.wire()}


@lru_cache(maxsize=16)
def _named_model(name: str) -> Model:
    """Return the model of this name, which most labels of a process share. Raises MessageError."""
    return Model(name)


def _of_label(label: Any, prefix: str, ends: Ends) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a label without absent values, with the mark of a benchmark if it is one.

    Projects that import pre-labels refuse that mark.
    """
    is_benchmark = label.is_benchmark_reference
    for annotation in _annotations(label, prefix, ends):
        if None in annotation.values():
            annotation = {key: value for key, value in annotation.items() if value is not None}
        yield annotation | {"isBenchmarkReferenceLabel": True} if is_benchmark else annotation


def _data_row(labels: tuple[Any, ...]) -> dict[str, str]:
    rows = []
    for label in labels:
        data = label.data
        if data is None:
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "data", None, "a data row: data={'global_key': …}")
        if data.uid is not None:
            rows.append({"id": data.uid})
        elif data.global_key is not None:
            rows.append({"globalKey": data.global_key})
        else:
            found = "an external_id" if getattr(data, "external_id", None) else "neither"
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow", found, "a label with uid or global_key")
    for row in rows[1:]:
        if row != rows[0]:
            found = " and ".join(str(next(iter(key.values()))) for key in (rows[0], row))
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow", found, "labels of one data row")
    return rows[0]


def _annotations(label: Any, prefix: str, ends: Ends) -> Iterator[dict[str, Any]]:
    annotations = label.annotations
    if UNGROUPED.issuperset(map(type, annotations)):  # in most labels
        for at, annotation in enumerate(annotations):
            path = f"{prefix}annotations[{at}]"
            try:
                converted = ends.identified(annotation, _single(annotation, path))
            except STOPPED as error:
                raise named(error, [(path, annotation)]) from error
            yield converted
        return
    groups: dict[Any, list[Located]] = {}
    for at, annotation in enumerate(annotations):
        groups.setdefault(_group(annotation, at), []).append((f"{prefix}annotations[{at}]", annotation))
    for group in groups.values():
        try:
            all_converted = list(_converted(group, ends))
        except STOPPED as error:
            raise named(error, group) from error
        yield from all_converted


def _group(annotation: Any, at: int) -> Any:
    """Return a key for grouping: the SDK's annotations with one key become one of ours, such as those of all frames."""
    if type(annotation) in UNGROUPED:
        return at
    if isinstance(annotation, lb.VideoObjectAnnotation):
        return "track", annotation.feature_schema_id or annotation.name, *instance_of(annotation)
    if isinstance(annotation, lb.VideoClassificationAnnotation):
        return "frames", annotation.feature_schema_id or annotation.name
    if isinstance(annotation, lb.TemporalClassificationText | lb.TemporalClassificationQuestion):
        return "times", annotation.name, type(annotation)
    return at


def _converted(group: list[Located], ends: Ends) -> Iterator[dict[str, Any]]:
    path, annotation = group[0]
    if type(annotation) in UNGROUPED:
        yield ends.identified(annotation, _single(annotation, path))
    elif isinstance(annotation, lb.VideoObjectAnnotation):
        yield track(group)
    elif isinstance(annotation, lb.VideoClassificationAnnotation):
        yield from frame_answers(group)
    elif isinstance(annotation, lb.TemporalClassificationText | lb.TemporalClassificationQuestion):
        yield temporal(group)
    elif isinstance(annotation, lb.RelationshipAnnotation):
        yield ends.link(annotation, path)
    elif isinstance(annotation, lb.VideoMaskAnnotation):
        yield video_masks(annotation)
    else:
        yield ends.identified(annotation, _single(annotation, path))


def _single(annotation: Any, path: str) -> dict[str, Any]:
    if isinstance(annotation, lb.ObjectAnnotation):
        return geometric(annotation, path)
    if isinstance(annotation, lb.ClassificationAnnotation):
        return answered(annotation, path)
    if isinstance(annotation, lb.PromptClassificationAnnotation):
        return prompt(annotation)
    if isinstance(annotation, lb.MessageEvaluationTaskAnnotation):
        return envelope(annotation) | evaluation(annotation)
    raise refused(path, type(annotation).__name__, "an annotation: metrics belong to model runs")
