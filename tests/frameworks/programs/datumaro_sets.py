"""datumaro writes data sets in formats that it knows, which our reader reads through it."""

import json

import datumaro as dm
from datumaro.components.media import Image

from prelabel.readers import FORMATS, BadRecord, ReaderOptions
from tests.frameworks.report import ROOT, Output, place, release

PICTURE = ROOT / "examples/assets/harbour.png"
LABELS = ["vessel", "crane", "quay"]
#: What a format is called when it is read → when it is written.
SETS = {name: name for name in ("voc", "kitti_detection", "label_me", "cvat", "yolo", "open_images")} | {
    "coco": "coco_instances"
}


def dataset() -> "dm.Dataset":
    """Return a data set with one picture and three objects."""
    objects = [
        dm.Bbox(190, 281, 421, 211, label=0, attributes={"score": 0.5}),
        dm.Bbox(503, 634, 35, 43, label=1),
        dm.Polygon([10, 600, 400, 560, 410, 620, 12, 660], label=2),
    ]
    item = dm.DatasetItem(id="000184", subset="val", media=Image.from_file(str(PICTURE)), annotations=objects)
    return dm.Dataset.from_iterable([item], categories=LABELS)


if __name__ == "__main__":
    here = place()
    outputs = []
    for name, written in SETS.items():
        dataset().export(str(here.folder / name), written, save_media=True)
        records = list(FORMATS["datumaro"].read(here.folder / name, ReaderOptions("p", dataset=name)))
        bad = [record for record in records if isinstance(record, BadRecord)]
        assert not bad, bad
        messages = [dict(record.message) for record in records]
        count = sum(len(message["annotations"]) for message in messages)
        (here.folder / f"{name}.ndjson").write_text("".join(json.dumps(each) + "\n" for each in messages))
        outputs.append(Output(f"a data set in the format {name}", count, len(messages), "messages", f"{name}.ndjson"))
    here.report(release("datumaro"), *outputs)
