"""Build annotations from model output: `box_from_yolo`, `mask_from_rle`, `track_from_boxes` …

docs/how-to/build-annotations.md has an example of each. Most builders return an annotation of `prelabel.annotations`
and accept its other fields (`confidence`, `classifications`, `schema_id`, `uuid`) by name. A value that a builder
cannot use raises InvalidAnnotation with path, found and expected, and so does a wrong other field. Nothing here imports
numpy: arrays are used through their methods.
"""

from typing import TYPE_CHECKING

from prelabel.lazy import lazily

if TYPE_CHECKING:
    from prelabel.builders.boxes import box_from_center, box_from_corners, box_from_yolo, document_box_from_corners
    from prelabel.builders.composite import Composite, composite_of
    from prelabel.builders.masks import mask_from_array, mask_from_rle
    from prelabel.builders.results import (
        annotations_from_huggingface,
        annotations_from_supervision,
        annotations_from_ultralytics,
    )
    from prelabel.builders.spans import document_entity_from_tokens, entity_from_span, message_entity_from_span
    from prelabel.builders.times import (
        checklist_from_seconds,
        frame_range,
        millisecond_range,
        radios_from_seconds,
        text_from_seconds,
    )
    from prelabel.builders.tracks import boxes_of, track_from_boxes
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "boxes": "box_from_center box_from_corners box_from_yolo document_box_from_corners",
            "composite": "Composite composite_of",
            "masks": "mask_from_array mask_from_rle",
            "results": "annotations_from_huggingface annotations_from_supervision annotations_from_ultralytics",
            "spans": "document_entity_from_tokens entity_from_span message_entity_from_span",
            "times": "checklist_from_seconds frame_range millisecond_range radios_from_seconds text_from_seconds",
            "tracks": "boxes_of track_from_boxes",
        },
    )

__all__ = [
    "Composite",
    "annotations_from_huggingface",
    "annotations_from_supervision",
    "annotations_from_ultralytics",
    "box_from_center",
    "box_from_corners",
    "box_from_yolo",
    "boxes_of",
    "checklist_from_seconds",
    "composite_of",
    "document_box_from_corners",
    "document_entity_from_tokens",
    "entity_from_span",
    "frame_range",
    "mask_from_array",
    "mask_from_rle",
    "message_entity_from_span",
    "millisecond_range",
    "radios_from_seconds",
    "text_from_seconds",
    "track_from_boxes",
]
