"""RapidOCR of the first generation reads the sign of the examples, and returns lists."""

import json

from rapidocr_onnxruntime import RapidOCR

from tests.frameworks.report import ROOT, Output, place, release

if __name__ == "__main__":
    here = place()
    lines, _ = RapidOCR()(str(ROOT / "examples/models/sign.png"))
    (here.folder / "sign.json").write_text(json.dumps(lines), "utf-8")
    options = {"media": "image", "text_feature": "text"}
    here.report(
        release("rapidocr-onnxruntime"),
        Output("lines of a picture", len(lines), 1, "paddleocr", "sign.json", options=options),
    )
