"""YOLO of random weights looks at a picture: Ultralytics writes its text files, supervision takes its results.

Weights cannot be downloaded, so a model that is built of its configuration gives boxes without a meaning, for which the
confidence is low. What it writes has the form that trained weights have. Rotated boxes, which random weights put
outside of the picture, are given.
"""

import json
import os
import shutil
from pathlib import Path

import supervision
import torch
import ultralytics
from ultralytics import YOLO
from ultralytics.engine.results import Results

from prelabel.annotations import Annotation
from prelabel.builders import annotations_from_supervision, annotations_from_ultralytics
from tests.frameworks.report import ROOT, Output, Place, place, release

PICTURE = ROOT / "examples/assets/harbour.png"
TASKS = {
    "detect": "yolo11n.yaml",
    "segment": "yolo11n-seg.yaml",
    "pose": "yolo11n-pose.yaml",
}
KEY = "harbour.png"


def line(annotations: list[Annotation]) -> str:
    """Return one message with these annotations as a line."""
    found = [each.model_dump(by_alias=True, exclude_none=True) for each in annotations]
    return json.dumps({"projectId": "p", "dataRow": {"globalKey": KEY}, "annotations": found}) + "\n"


def outputs_of(here: Place, task: str, result: Results) -> list[Output]:
    """Return what becomes of a result: text files, and annotations in Python."""
    (here.folder / task / "classes.txt").write_text("\n".join(result.names[at] for at in sorted(result.names)))
    shutil.copy(PICTURE, task)
    options = {"task": task, "images": task, "categories": f"{task}/classes.txt"}
    if task == "pose":  # the file that Ultralytics trains with: names, keypoints and their names
        shutil.copy(Path(ultralytics.__file__).parent / "cfg/datasets/coco8-pose.yaml", task)
        options["categories"] = "pose/coco8-pose.yaml"
    count = len(result.obb if task == "obb" else result.boxes)
    outputs = [Output(f"{task}: text files", count, 1, "yolo", f"{task}/labels", options=options)]
    made = {"Results": annotations_from_ultralytics(result)}
    if task == "segment":
        made["Results, as masks"] = annotations_from_ultralytics(result, outlines="masks")
    made["Detections of supervision"] = annotations_from_supervision(supervision.Detections.from_ultralytics(result))
    for what, annotations in made.items():
        file = f"{task}-{len(outputs)}.ndjson"
        (here.folder / file).write_text(line(annotations))
        outputs.append(Output(f"{task}: {what}", count, 1, "messages", file))
    return outputs


if __name__ == "__main__":
    here = place()
    os.environ["YOLO_OFFLINE"] = "true"
    torch.manual_seed(7)
    outputs, results = [], {}
    for task, configuration in TASKS.items():
        model = YOLO(configuration)
        if task == "segment":  # else all masks are empty, and Ultralytics leaves their objects out
            for layers in model.model.model[-1].cv4:
                layers[-1].bias.data.normal_(std=20)
        (result,) = model.predict(
            PICTURE, conf=1e-9, max_det=6, imgsz=320, retina_masks=True, save_txt=True, save_conf=True,
            project=str(here.folder), name=task, verbose=False,
        )  # fmt: skip
        results[task] = result
    boxes = torch.tensor([[400.0, 390, 400, 200, 0.3, 0.9, 0], [900, 300, 120, 60, -1.2, 0.8, 1]])  # x, y, w, h, angle
    results["obb"] = Results(result.orig_img, path=str(PICTURE), names={0: "vessel", 1: "crane"}, obb=boxes)
    results["obb"].save_txt(here.folder / "obb/labels/harbour.txt", save_conf=True)
    for task, result in results.items():
        outputs += outputs_of(here, task, result)
    model = YOLO("yolo11n-cls.yaml")
    (result,) = model.predict(PICTURE, imgsz=64, verbose=False)
    (here.folder / "class.ndjson").write_text(line(annotations_from_ultralytics(result)))
    outputs.append(Output("classify: Results", 1, 1, "messages", "class.ndjson"))
    here.report(release("ultralytics", "supervision"), *outputs)
