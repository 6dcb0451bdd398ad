"""Label Studio's SDK makes predictions for a labeling configuration, checks them, and encodes a brush."""

import json

import numpy as np
from label_studio_sdk.converter.brush import mask2rle
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue

from tests.frameworks.report import Output, place, release

CONFIGURATION = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image"><Label value="vessel"/><Label value="crane"/></RectangleLabels>
  <PolygonLabels name="outline" toName="image"><Label value="quay"/></PolygonLabels>
  <KeyPointLabels name="point" toName="image"><Label value="bollard"/></KeyPointLabels>
  <BrushLabels name="brush" toName="image"><Label value="oil film"/></BrushLabels>
  <Choices name="weather" toName="image"><Choice value="clear"/><Choice value="fog"/></Choices>
</View>
"""
WIDTH, HEIGHT = 640, 400


def region(control: str, kind: str, label: str, **value: object) -> dict[str, object]:
    """Return a region of a control."""
    return {
        "id": control, "from_name": control, "to_name": "image", "type": kind, "score": 0.75, "image_rotation": 0,
        "original_width": WIDTH, "original_height": HEIGHT, "value": {**value, kind: [label]},
    }  # fmt: skip


if __name__ == "__main__":
    here = place()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[100:200, 50:400] = 255
    regions = [
        region("box", "rectanglelabels", "vessel", x=10.0, y=20.0, width=30.0, height=25.0, rotation=0),
        region("box", "rectanglelabels", "crane", x=50.0, y=50.0, width=20.0, height=10.0, rotation=15),
        region("outline", "polygonlabels", "quay", points=[[5.0, 80.0], [60.0, 75.0], [61.0, 85.0]], closed=True),
        region("point", "keypointlabels", "bollard", x=40.0, y=81.0, width=0.5),
        region("brush", "brushlabels", "oil film", format="rle", rle=mask2rle(mask)),
        region("weather", "choices", "fog"),
    ]
    interface = LabelInterface(CONFIGURATION)
    tasks = []
    for number, result in enumerate((regions, regions[:1])):
        prediction = PredictionValue(model_version="harbour-1", score=0.5, result=result).model_dump()
        wrong = interface.validate_prediction(prediction, return_errors=True)
        assert not wrong, wrong
        image = f"/data/upload/1/0a1b2c3d-{number:06}.png"
        tasks.append({"id": number, "data": {"image": image}, "predictions": [prediction]})
    (here.folder / "tasks.json").write_text(json.dumps(tasks, default=float))
    here.report(
        release("label-studio-sdk"), Output("predictions of 2 tasks", len(regions) + 1, 2, "label-studio", "tasks.json")
    )
