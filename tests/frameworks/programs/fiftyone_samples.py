"""Our reader takes the labels of FiftyOne's samples.

The samples are in no dataset: a dataset needs MongoDB, which FiftyOne downloads.
"""

import json

import fiftyone as fo
import numpy as np

from prelabel.fiftyone import read_samples
from prelabel.mapping import PredictionMapping
from prelabel.readers import BadRecord, ReaderOptions
from tests.frameworks.report import ROOT, Output, place, release

PICTURE = str(ROOT / "examples/assets/harbour.png")


def sample() -> "fo.Sample":
    """Return a sample with labels of every kind."""
    mask = np.zeros((20, 30), bool)
    mask[5:15, 5:25] = True
    fields = {
        "boxes": fo.Detections(
            detections=[
                fo.Detection(label="vessel", bounding_box=[0.1, 0.2, 0.3, 0.4], confidence=0.9),
                fo.Detection(label="crane", bounding_box=[0.5, 0.2, 0.1, 0.4], confidence=0.2),
            ]
        ),
        "instances": fo.Detections(
            detections=[fo.Detection(label="vessel", bounding_box=[0.1, 0.2, 0.3, 0.4], mask=mask, confidence=0.5)]
        ),
        "outlines": fo.Polylines(
            polylines=[
                fo.Polyline(label="quay", points=[[(0.1, 0.9), (0.9, 0.9), (0.9, 0.8)]], closed=True, filled=True),
                fo.Polyline(label="rope", points=[[(0.1, 0.1), (0.2, 0.3)]]),
            ]
        ),
        "points": fo.Keypoints(
            keypoints=[fo.Keypoint(label="bow", points=[(0.5, 0.5), (np.nan, np.nan)], confidence=[0.5, np.nan])]
        ),
        "weather": fo.Classification(label="fog", confidence=0.75),
        "tags_of_scene": fo.Classifications(
            classifications=[fo.Classification(label="day", confidence=0.5), fo.Classification(label="calm")]
        ),
        "regions": fo.Segmentation(mask=np.pad(np.ones((40, 40), np.uint8), ((0, 760), (0, 1240)))),
    }
    return fo.Sample(filepath=PICTURE, metadata=fo.ImageMetadata.build_for(PICTURE), **fields)


if __name__ == "__main__":
    here = place()
    samples, outputs = [sample()], []
    for name in ("boxes", "instances", "outlines", "points", "weather", "tags_of_scene", "regions"):
        targets = {1: "sky"} if name == "regions" else None
        options = ReaderOptions("p", mapping=PredictionMapping())
        records = list(read_samples(samples, name, options, mask_targets=targets))
        assert not [record for record in records if isinstance(record, BadRecord)], records
        messages = [dict(record.message) for record in records]
        (here.folder / f"{name}.ndjson").write_text("".join(json.dumps(each) + "\n" for each in messages))
        count = sum(len(message["annotations"]) for message in messages)
        outputs.append(Output(f"labels of samples: {name}", count, 1, "messages", f"{name}.ndjson"))
    here.report(release("fiftyone"), *outputs)
