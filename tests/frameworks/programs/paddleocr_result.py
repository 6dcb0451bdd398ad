"""PaddleOCR's result object writes JSON of lines that it was given: its weights cannot be downloaded."""

import numpy as np
from paddlex.inference.pipelines.ocr.result import OCRResult

from tests.frameworks.report import Output, place, release

LINES = (("Logbook of the Lisbeth", 0.98), ("Moored at berth 4.", 0.75))

if __name__ == "__main__":
    here = place()
    for page in (0, 1):
        corners = np.array(
            [[[100, top], [560, top + 2], [560, top + 40], [100, top + 38]] for top in (80, 170)], np.int16
        )
        result = OCRResult(
            {
                "input_path": "logbook.pdf",
                "page_index": page,
                "page_count": 2,
                "width": 640,
                "height": 400,
                "doc_preprocessor_res": {"angle": 0},
                "model_settings": {"use_doc_preprocessor": False, "use_textline_orientation": False},
                "dt_polys": list(corners),
                "text_det_params": {"thresh": 0.3},
                "text_type": "general",
                "textline_orientation_angles": [-1, -1],
                "text_rec_score_thresh": 0.0,
                "return_word_box": False,
                "rec_texts": [text for text, _ in LINES],
                "rec_scores": [score for _, score in LINES],
                "rec_polys": list(corners),
                "rec_boxes": np.array([[100, 80, 560, 120], [100, 170, 560, 210]], np.int16),
                "vis_fonts": [],
            }
        )
        result.save_to_json(str(here.folder / "results"))
    options = {"text_feature": "text"}
    here.report(
        release("paddleocr", "paddlex"),
        Output("save_to_json() of 2 pages", 4, 1, "paddleocr", "results", "PDF", options),
    )
