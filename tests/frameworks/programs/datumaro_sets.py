"""datumaro writes data sets in formats that it knows, which our reader reads through it."""

import json
from pathlib import Path

import datumaro as dm
from datumaro.components.media import Image

from prelabel.readers import FORMATS, BadRecord, ReaderOptions, Record
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


def check_what_cannot_be_read(folder: Path) -> None:
    """Break a file of a data set in Pascal VOC: each fault is named, and the rest is read."""
    (page,) = (folder / "Annotations").glob("**/*.xml")
    text = page.read_text("utf-8")

    def read(content: str) -> tuple[list[Record], list[BadRecord]]:
        page.write_text(content, "utf-8")
        records = list(FORMATS["datumaro"].read(folder, ReaderOptions("p", dataset="voc")))
        bad = [record for record in records if isinstance(record, BadRecord)]
        return [record for record in records if isinstance(record, Record)], bad

    (message,), (bad,) = read(text.replace("<xmin>190", "<xmin>left", 1))
    assert len(message.message["annotations"]) == 1, message
    assert bad.where == "voc, item val/000184", bad
    messages, (bad,) = read('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + text)
    assert not messages, messages
    assert "EntitiesForbidden" in bad.problem, bad


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
    check_what_cannot_be_read(here.folder / "voc")
    here.report(release("datumaro"), *outputs)
