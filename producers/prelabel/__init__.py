"""Publish model predictions for Labelbox pre-labels: the message contract and everything that publishes.

Annotations beyond those of images are loaded when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prelabel.annotations import (
    BoundingBox,
    Checklist,
    Classification,
    FreeText,
    Mask,
    Option,
    Point,
    Polygon,
    Polyline,
    Radio,
    Relationship,
)
from prelabel.errors import (
    BufferFull,
    InboxFull,
    InvalidAnnotation,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    NotInOntology,
    PrelabelError,
    PublisherClosed,
    Reason,
    RedisUnavailable,
)
from prelabel.messages import DataRow, DataRowId, GlobalKey, Model, PredictionMessage
from prelabel.publishing.aio import AsyncPublisher
from prelabel.publishing.publisher import Publisher

if TYPE_CHECKING:
    from prelabel.annotations.conversation import ConversationEntity, MessageChecklist, MessageRadio, MessageText
    from prelabel.annotations.dicom import DicomMasks, DicomPolyline, Slice, SliceSegment
    from prelabel.annotations.document import DocumentBox, DocumentEntity, TextSelection
    from prelabel.annotations.evaluation import MessageEvaluation, RankedMessage, SelectedMessage
    from prelabel.annotations.geo import TileBox
    from prelabel.annotations.text import TextEntity
    from prelabel.annotations.timed import (
        TimedChecklist,
        TimedClassification,
        TimedOption,
        TimedRadio,
        TimedText,
        TimeRange,
    )
    from prelabel.annotations.video import Keyframe, Segment, VideoObject
    from prelabel.annotations.video_masks import MaskFrame, MaskInstance, VideoMasks

_NAMES = {
    "conversation": "ConversationEntity MessageChecklist MessageRadio MessageText",
    "dicom": "DicomMasks DicomPolyline Slice SliceSegment",
    "document": "DocumentBox DocumentEntity TextSelection",
    "evaluation": "MessageEvaluation RankedMessage SelectedMessage",
    "geo": "TileBox",
    "text": "TextEntity",
    "timed": "TimedChecklist TimedClassification TimedOption TimedRadio TimedText TimeRange",
    "video": "Keyframe Segment VideoObject",
    "video_masks": "MaskFrame MaskInstance VideoMasks",
}
_LATER = {name: module for module, names in _NAMES.items() for name in names.split()}
"""Names that are loaded when they are first asked for, and their modules in `prelabel.annotations`."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"prelabel.annotations.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


__all__ = [
    "AsyncPublisher",
    "BoundingBox",
    "BufferFull",
    "Checklist",
    "Classification",
    "ConversationEntity",
    "DataRow",
    "DataRowId",
    "DicomMasks",
    "DicomPolyline",
    "DocumentBox",
    "DocumentEntity",
    "FreeText",
    "GlobalKey",
    "InboxFull",
    "InvalidAnnotation",
    "Keyframe",
    "MalformedMessage",
    "Mask",
    "MaskFrame",
    "MaskInstance",
    "MessageChecklist",
    "MessageError",
    "MessageEvaluation",
    "MessageRadio",
    "MessageText",
    "MessageTooLarge",
    "Model",
    "NotInOntology",
    "Option",
    "Point",
    "Polygon",
    "Polyline",
    "PredictionMessage",
    "PrelabelError",
    "Publisher",
    "PublisherClosed",
    "Radio",
    "RankedMessage",
    "Reason",
    "RedisUnavailable",
    "Relationship",
    "Segment",
    "SelectedMessage",
    "Slice",
    "SliceSegment",
    "TextEntity",
    "TextSelection",
    "TileBox",
    "TimeRange",
    "TimedChecklist",
    "TimedClassification",
    "TimedOption",
    "TimedRadio",
    "TimedText",
    "VideoMasks",
    "VideoObject",
]
