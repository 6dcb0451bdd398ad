"""Read what is written in a picture, with the models of RapidOCR, and publish polygons with their texts.

pip install rapidocr onnxruntime
python examples/models/signs.py [PROJECT]
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rapidocr import RapidOCR

from prelabel import Publisher

PICTURE = Path(__file__).parent / "sign.png"


def messages(project_id: str) -> Iterator[dict[str, Any]]:
    """Yield the message of the picture."""
    found = RapidOCR()(str(PICTURE))
    lines = [] if found.boxes is None else zip(found.boxes.tolist(), found.txts, found.scores, strict=True)
    yield {
        "projectId": project_id,
        "dataRow": {"globalKey": "sterns/sign.png"},
        "model": {"name": "rapidocr"},
        "annotations": [
            {
                "name": "text line",
                "polygon": [{"x": x, "y": y} for x, y in corners],
                "confidence": score,
                "classifications": [{"name": "text", "answer": text}],
            }
            for corners, text, score in lines
        ],
    }


if __name__ == "__main__":
    with Publisher() as publisher:
        for message in messages(*sys.argv[1:2] or ["signs"]):
            publisher.publish(message)
