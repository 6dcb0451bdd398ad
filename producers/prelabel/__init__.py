"""Publish model predictions as Labelbox pre-labels: publishers, messages, annotation types and errors.

A name and the modules that it needs are imported on first use, so `import prelabel` is cheap.
"""

from typing import TYPE_CHECKING

from prelabel.lazy import lazily

if TYPE_CHECKING:
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
    from prelabel.errors import (
        BufferFull,
        InboxFull,
        InvalidAnnotation,
        MalformedMessage,
        MessageError,
        MessageTooLarge,
        NoRedisUrl,
        NotInOntology,
        PrelabelError,
        PublisherClosed,
        Reason,
        RedisUnavailable,
    )
    from prelabel.mapping import PredictionMapping, read_mapping
    from prelabel.messages import DataRow, DataRowId, GlobalKey, Model, PredictionMessage
    from prelabel.publishing.aio import AsyncPublisher
    from prelabel.publishing.publisher import Publisher
    from prelabel.version import __version__ as __version__
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "annotations": "BoundingBox Checklist Classification FreeText Mask Option Point Polygon Polyline Radio "
            "Relationship",
            "annotations.conversation": "ConversationEntity MessageChecklist MessageRadio MessageText",
            "annotations.dicom": "DicomMasks DicomPolyline Slice SliceSegment",
            "annotations.document": "DocumentBox DocumentEntity TextSelection",
            "annotations.evaluation": "MessageEvaluation RankedMessage SelectedMessage",
            "annotations.geo": "TileBox",
            "annotations.text": "TextEntity",
            "annotations.timed": "TimedChecklist TimedClassification TimedOption TimedRadio TimedText TimeRange",
            "annotations.video": "Keyframe Segment VideoObject",
            "annotations.video_masks": "MaskFrame MaskInstance VideoMasks",
            "errors": "BufferFull InboxFull InvalidAnnotation MalformedMessage MessageError MessageTooLarge "
            "NoRedisUrl NotInOntology PrelabelError PublisherClosed Reason RedisUnavailable",
            "mapping": "PredictionMapping read_mapping",
            "messages": "DataRow DataRowId GlobalKey Model PredictionMessage",
            "publishing.aio": "AsyncPublisher",
            "publishing.publisher": "Publisher",
            "version": "__version__",
        },
    )

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
    "NoRedisUrl",
    "NotInOntology",
    "Option",
    "Point",
    "Polygon",
    "Polyline",
    "PredictionMapping",
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
    "read_mapping",
]
