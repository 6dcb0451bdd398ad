"""RapidOCR reads the sign of the examples, with the models that it brings, and writes JSON."""

import json

from rapidocr import RapidOCR

from tests.frameworks.report import ROOT, Output, place, release

if __name__ == "__main__":
    here = place()
    found = RapidOCR()(str(ROOT / "examples/models/sign.png"))
    (here.folder / "sign.json").write_text(json.dumps(found.to_json()), "utf-8")
    options = {"media": "image", "text_feature": "text"}
    here.report(
        release("rapidocr"),
        Output("lines of a picture (to_json)", len(found), 1, "paddleocr", "sign.json", options=options),
    )
