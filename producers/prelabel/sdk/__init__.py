"""Labels of Labelbox's Python SDK 7 → messages: what `Publisher.publish(label, project_id=…)` calls.

It needs the SDK with its annotation types (`pip install 'prelabel[labelbox]'`), which is imported with this package and
not before. A label becomes what the SDK's own converter makes of it, apart from the differences that
docs/reference/labelbox-format.md#6 advises; docs/how-to/build-annotations.md lists them.
"""

from collections.abc import Iterator
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
from prelabel.sdk.objects import envelope, evaluation, video_masks
from prelabel.sdk.temporal import temporal
from prelabel.sdk.tracks import instance_of, track

Found = tuple[str, Any]
"""An annotation of a label and its path, such as `annotations[3]`."""


def message_of(label: Any, *more: Any, project_id: str, model: Model | str | None = None) -> dict[str, Any]:
    """A label as a message in the wire's shape, for `publish`.

    A message is all that its model says about its data row, so several labels of one data row are one message:
    `message_of(first, second, project_id=…)`. The order of annotations is the label's, except that a tracked object
    and an answer with frames stand where their first frame did. Raises MessageError for what no import takes; the
    message is checked when it is published.
    """
    labels = (label, *more)
    row = _data_row(labels)
    named = Model(model) if isinstance(model, str) else model
    ends = Ends(labels, (project_id, *next(iter(row.items())), named.name if named else ""))
    annotations = [
        {key: value for key, value in annotation.items() if value is not None}
        for at, each in enumerate(labels)
        for annotation in _annotations(each, f"labels[{at}]." if more else "", ends)
    ]
    message = {"projectId": project_id, "dataRow": row, "annotations": annotations}
    return message if named is None else message | {"model": named.wire()}


def _data_row(labels: tuple[Any, ...]) -> dict[str, str]:
    rows = []
    for label in labels:
        data = label.data
        if data.uid is not None:
            rows.append({"id": data.uid})
        elif data.global_key is not None:
            rows.append({"globalKey": data.global_key})
        else:
            found = "an external_id" if getattr(data, "external_id", None) else "neither"
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow", found, "a label with uid or global_key")
    for row in rows[1:]:
        if row != rows[0]:
            found = " and ".join(str(next(iter(each.values()))) for each in (rows[0], row))
            raise MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow", found, "labels of one data row")
    return rows[0]


def _annotations(label: Any, prefix: str, ends: Ends) -> Iterator[dict[str, Any]]:
    groups: dict[Any, list[Found]] = {}
    for at, annotation in enumerate(label.annotations):
        groups.setdefault(_group(annotation, at), []).append((f"{prefix}annotations[{at}]", annotation))
    for found in groups.values():
        yield from _converted(found, ends)


def _group(annotation: Any, at: int) -> Any:
    """What is one annotation of ours, though the SDK has one for each frame."""
    if isinstance(annotation, lb.VideoObjectAnnotation):
        return "track", annotation.feature_schema_id or annotation.name, *instance_of(annotation)
    if isinstance(annotation, lb.VideoClassificationAnnotation):
        return "frames", annotation.feature_schema_id or annotation.name
    if isinstance(annotation, lb.TemporalClassificationText | lb.TemporalClassificationQuestion):
        return "times", annotation.name, type(annotation)
    return at


def _converted(found: list[Found], ends: Ends) -> Iterator[dict[str, Any]]:
    path, annotation = found[0]
    if isinstance(annotation, lb.VideoObjectAnnotation):
        yield track(found)
    elif isinstance(annotation, lb.VideoClassificationAnnotation):
        yield from frame_answers(found)
    elif isinstance(annotation, lb.TemporalClassificationText | lb.TemporalClassificationQuestion):
        yield temporal(found)
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
