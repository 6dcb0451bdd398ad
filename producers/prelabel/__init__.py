"""Publish model predictions for Labelbox pre-labels: the message contract and everything that publishes."""

from prelabel.aio import AsyncPublisher
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
from prelabel.publisher import Publisher

__all__ = [
    "AsyncPublisher",
    "BoundingBox",
    "BufferFull",
    "Checklist",
    "Classification",
    "DataRow",
    "DataRowId",
    "FreeText",
    "GlobalKey",
    "InboxFull",
    "InvalidAnnotation",
    "MalformedMessage",
    "Mask",
    "MessageError",
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
    "Reason",
    "RedisUnavailable",
    "Relationship",
]
